"""The Numba kernels: one module per family, each with `build(call)`.

Modules share code: `elements` (reading a weight), `events` (active elements, in every encoding of events), `rows`
(where rows begin), `arguments` (arguments of the parts of a kernel), `parallel` and `partial_sums` (threads).

Arrays are flat. Positions are unsigned everywhere: for a signed index, Numba emits a test for negative values, which
doubles the time of a gather. Index arrays are read as unsigned integers, too (bits unchanged), with a `bound` that no
negative index is below, so one comparison checks both ends. Every array access is guarded by such a comparison, or in
bounds by construction: no content of any array can cause an access outside a buffer.

Figures in comments are medians with one thread, on two cores of a shared server (AMD EPYC 7001 at 2 GHz).
"""
