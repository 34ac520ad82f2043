"""Benchmarks against what users would use instead. ``hatch run bench --help``.

Contenders run in processes of their own (another release of a package cannot share ours), one measurement at a time,
in turns: the machine's speed drifts, and only figures taken side by side can be compared. Claims are median ratios.
"""
