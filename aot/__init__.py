"""The TPU kernels, compiled ahead of time for real targets on a machine without a TPU: ``hatch run tpu:check``.

libtpu contains the whole compiler, and dumps the instructions of the compiled kernels. The check counts *bundles* (very
long instruction words, at most one per cycle) of the innermost loop per synapse, or per step of generated connectivity,
and compares them with the committed ``figures.json``. These static figures don't include memory: see ``docs/tpu.md``.
"""
