"""``hatch run bench threads``: the CPU time of products on pools of 1 to 64 threads."""
