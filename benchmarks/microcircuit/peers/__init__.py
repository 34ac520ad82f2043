"""Who simulates: one module per simulator, with a function ``program(scale, seed, steps, threads) -> Program``.

A call is a step of 0.1 ms; a measurement goes on where the one before ended. The result is the firing rates of the
populations in Hz, since half a second after the beginning.
"""
