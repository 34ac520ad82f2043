"""What every benchmark is made of: contenders in processes of their own, interleaved rounds, figures, tables, pictures.

Nothing in here knows what is measured, nor that it lies in this repository.
"""
