"""``hatch run bench overhead``: what it costs to call a kernel at all."""
