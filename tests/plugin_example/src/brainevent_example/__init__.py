"""An example of a backend for brainevent."""
