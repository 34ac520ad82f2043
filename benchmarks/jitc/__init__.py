"""``hatch run bench jitc``: products with connectivity that is generated while it is used."""
