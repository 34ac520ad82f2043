"""Just-in-time connectivity: the walk along its stream, products, and materialisation."""
