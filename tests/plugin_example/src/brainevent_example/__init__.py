"""A backend of brainevent, as an example."""
