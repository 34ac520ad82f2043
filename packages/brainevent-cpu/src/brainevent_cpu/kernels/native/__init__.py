"""The kernels themselves, in Numba: one module a family, each with `build(call)`.

Modules share what is the same in all of them: `elements` (how an index and a weight are read), `events` (which lines
are active, in every encoding of events), `rows` (where rows begin), `vectors` (loops over dense vectors).

Arrays are flat. Positions are unsigned throughout: for a signed index Numba emits a test for negative values, twice
the time in a gather. Indices arrive as unsigned integers, too (bits unchanged), with a `bound` that no negative one can
pass: one comparison catches both ends. Every array access is guarded by such a comparison or by construction, so that
no content of any array leads outside a buffer.

Figures in comments were measured on two cores of a shared server (AMD EPYC 7001 at 2 GHz), one thread, medians.
"""
