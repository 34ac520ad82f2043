"""``hatch run bench connect``: how many synapses a second the connection rules draw."""
