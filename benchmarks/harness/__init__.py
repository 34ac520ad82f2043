"""The code shared by all benchmarks, based on ``brainevent_core.bench``: contenders in separate processes, claims.

Nothing in this package depends on what is measured, or on this repository.
"""
