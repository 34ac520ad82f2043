"""``hatch run bench delays``: events that arrive after the delays of their synapses."""
