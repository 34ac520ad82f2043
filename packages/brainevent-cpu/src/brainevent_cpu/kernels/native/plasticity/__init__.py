"""Kernels that change weights where there are events: one module a family, each with `build(call)`.

A kernel is `(frame, data, <structure>, x, trace, lower, upper, out, bound, lines, others, width) -> status`.
`data` and `out` are one buffer, in the shape of the weights; kernels use `out` alone. x has a byte for each of `lines`
lines, 1 where there is an event and 0 elsewhere; the trace has `others` numbers, of which indices of the structure
reach the first `bound`. `width` is the length of a row where rows have no pointers.

What a kernel touches for an event it adds the trace to, and clips at once if only "updated" weights are clipped. If
"all" are, a pass over all weights follows (`clipping`). Parts that products have, too, are in the package above.
"""
