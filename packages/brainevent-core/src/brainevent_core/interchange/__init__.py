"""Import and export: matrices of other packages, edge lists with the ids of neurons, and files."""

from brainevent_core.interchange.edges import Edges, Ids, from_edges
from brainevent_core.interchange.files import load, save
from brainevent_core.interchange.foreign import from_bcoo, from_bcsr, from_scipy
from brainevent_core.interchange.sonata import from_sonata

__all__ = ["Edges", "Ids", "from_bcoo", "from_bcsr", "from_edges", "from_scipy", "from_sonata", "load", "save"]
