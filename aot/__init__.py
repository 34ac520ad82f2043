"""The TPU kernels, compiled ahead of time for real targets on a machine without a TPU: ``hatch run tpu:check``.

libtpu brings the whole compiler, and says in dumps which instructions the kernels became. What the check compares with
the committed ``figures.json`` are *bundles* (very long instruction words, one a cycle at best) of the innermost loop
per synapse, or per step of generated connectivity. A static figure knows nothing of memory: see ``docs/tpu.md``.
"""
