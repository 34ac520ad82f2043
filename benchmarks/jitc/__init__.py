"""``hatch run bench jitc``: products with connectivity that is generated on the fly."""
