"""``hatch run bench rules``: a user-defined learning rule, applied to active synapses or to all."""
