"""``hatch run bench devices``: networks over several devices and processes."""
