"""Random calls with malformed input: each must raise an informative error, or return exactly the one defined result.

See ``hatch run fuzz --help``. An ``Operation`` (``operations.py``) is a row of a table; its cells (``cells.py``)
determine what is compiled, and the contents of arrays are random within a cell, so that 100,000 calls need a few
hundred compilations. The model (``model.py``) is plain NumPy, written from the documentation and not from the library.
"""
