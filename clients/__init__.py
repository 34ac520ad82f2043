"""Tests of the packages that build on brainevent, with the published package and ours: ``hatch run clients --help``."""
