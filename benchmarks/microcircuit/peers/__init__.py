"""The simulators: one module each, with a function ``program(scale, seed, steps, threads) -> Program``.

A call is a step of 0.1 ms; a measurement continues where the previous one ended. The result is the firing rates of the
populations in Hz, counted from 0.5 s of biological time on.
"""
