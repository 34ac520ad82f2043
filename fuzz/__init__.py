"""Random calls with malformed input: each is an error that says what is wrong, or exactly the one defined result.

``hatch run fuzz --help``. An ``Operation`` (``operations.py``) is a row of a table; its cells (``cells.py``) fix what
is compiled, and within a cell the contents are random, so that 100,000 calls need a few hundred compilations.
The model (``model.py``) is plain NumPy and reads the documentation, not the library.
"""
