"""Just-in-time connectivity on GPUs: the stream of `docs/jitc-stream.md` in C++, and kernels that use its connections.

All kernels share the code of the walk along the stream. They differ in how blocks are assigned to lanes, and in what
they do with a connection.

    words      core's functions of 32-bit words, translated to C++
    spec       the specification of a kernel
    stream     keys, draws, variates, and the walk, in which each lane of a group takes one step of a block
    bodies     products (gather and scatter), windows as dense arrays, counting and listing connections
"""
