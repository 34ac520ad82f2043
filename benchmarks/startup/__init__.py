"""``hatch run bench startup``: from ``import brainevent`` to the first result, in new processes."""
