"""The packages that build on brainevent, tested on the published package and on ours: ``hatch run clients --help``."""
