"""``hatch run bench delays``: events that arrive later, each by the delay of its synapse."""
