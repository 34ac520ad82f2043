"""Just-in-time connectivity on GPUs: the stream of `docs/jitc-stream.md` in C++, and what is done with its connections.

All kernels walk along it in one way; they differ in who walks where, and in what they do with a connection.

    words      core's functions of 32-bit words, written out as C++
    spec       what a kernel is for
    stream     keys, draws, variates, and the walk: a group of lanes makes as many steps of a block at once
    bodies     products, gathered and scattered; a window as dense arrays; the connections counted and listed
"""
