"""``hatch run bench network``: a second of the COBA network of ``examples/coba.py``, at three sizes."""
