"""Kernels that update weights after events: one module per family, each with `build(call)`.

A kernel is `(frame, data, <structure>, x, trace, lower, upper, out, bound, lines, others, width) -> status`.
`data` and `out` are one buffer, in the shape of the weights; kernels use only `out`. x has `lines` bytes, one for each
row or column, 1 for an event and 0 otherwise; the trace has `others` numbers, of which indices of the structure reach
the first `bound`. `width` is the length of a row if rows have no pointers.

After an event, a kernel adds the trace to the weights of the row or column, and clips each of them at once if only
"updated" weights are clipped. If "all" are clipped, a pass over all weights follows (`clipping`). Code that is shared
with products is in the package above.
"""
