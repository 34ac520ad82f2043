"""The functional interface: matrices as the arrays that they are made of."""
