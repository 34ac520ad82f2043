"""``hatch run bench overhead``: the overhead of calling a kernel."""
