"""What every benchmark is made of, on top of ``brainevent_core.bench``: contenders in processes of their own, claims.

Nothing in here knows what is measured, nor that it lies in this repository.
"""
