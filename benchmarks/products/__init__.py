"""``hatch run bench products``: products of events and of floats with a matrix, kernel by kernel."""
