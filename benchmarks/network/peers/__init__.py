"""Who simulates: one module per simulator, with a function ``program(scale, seed, steps, folder, **) -> Program``.

A call is a step of 0.1 ms; a measurement begins at the initial state and makes all ``steps``. The result is the firing
rates of both populations in Hz, and how many seconds were simulated.
"""
