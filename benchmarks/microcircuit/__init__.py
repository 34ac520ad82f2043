"""``hatch run bench microcircuit``: a second of the network of ``examples/microcircuit.py``, compared with NEST."""
