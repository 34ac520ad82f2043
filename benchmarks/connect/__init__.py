"""``hatch run bench connect``: how many synapses per second the connection rules draw."""
