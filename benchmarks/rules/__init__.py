"""``hatch run bench rules``: a learning rule of the user's, applied to active synapses or to all."""
