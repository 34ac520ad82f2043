"""The simulators: one module each, with a function ``program(scale, seed, steps, folder, **) -> Program``.

A call is a step of 0.1 ms; a measurement starts from the initial state and simulates all ``steps``. The result is the
firing rates of both populations in Hz, and the number of simulated seconds.
"""
