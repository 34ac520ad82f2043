"""Functions on bare arrays, for those who don't want a matrix.

Products have a module for each format, or law of generated weights; other operations one for each operation. A module's
``__all__`` says what is public.
"""
