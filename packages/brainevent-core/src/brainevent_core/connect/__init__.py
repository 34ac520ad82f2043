"""Connection rules, which draw connections from a seed and the row number.

The rules have the names that they have in NEST (Senk et al. 2022, doi:10.1371/journal.pcbi.1010086). Each returns a
matrix of shape (n_pre, n_post), whose rows are presynaptic neurons, in any stored format::

    connect.fixed_indegree(800, 200, 80, weight=connect.Normal(0.5 * u.nS, 0.1 * u.nS), seed=1, format="csc")

A seed gives the same network on every machine, and a block of rows that is drawn alone equals that slice of the whole:
``docs/connection-rules.md`` defines the draws. They are made on the host, with NumPy, outside and inside ``jit``.

**Weights** are one of

- a number or a quantity, one for all synapses (including scalars of NumPy and JAX);
- an array or a quantity with one weight per synapse, (nse,), in the order of the rule: by presynaptic neuron, then by
  postsynaptic neuron; for :func:`fixed_indegree` by postsynaptic, then by presynaptic neuron, whatever the format.
  Rules with a fixed degree also accept (neurons, degree);
- a distribution: :class:`Normal`, :class:`LogNormal`, :class:`Uniform`;
- a function ``weight(key, pre, post)``; for :func:`distance` ``weight(key, pre, post, distance)``. Its arguments are a
  ``jax.random`` key that is derived from the seed, and vectors with one element per synapse in the order of the rule:
  the ids of the neurons (int32 arrays of NumPy) and their distance (float64, or a quantity in the unit of the
  positions). It returns one weight per synapse, or one for all. For a block of rows, it is called with the synapses of
  the block, and their ids in the whole network;
- for :func:`distance` a profile: its value at the distance of the two neurons.

**Delays** (``delay=``) are whole steps, at least 1, given in the same ways: a number, an array, a distribution or a
function, which gets a different key. Draws of a distribution are rounded to the nearest step; use ``low=`` to keep them
at one step or more. :func:`brainevent.steps` converts times, and distributions of times, to steps. Without ``delay=``,
a matrix has no delays::

    connect.fixed_outdegree(800, 200, 80, delay=steps(connect.Normal(1.5 * u.ms, 0.75 * u.ms, low=dt), dt), seed=1)
"""

from typing import TYPE_CHECKING, Any

from brainevent_core.connect.degrees import fixed_indegree, fixed_outdegree, fixed_total_number
from brainevent_core.connect.distributions import Distribution, LogNormal, Normal, Uniform
from brainevent_core.connect.pairwise import all_to_all, one_to_one, pairwise_bernoulli
from brainevent_core.connect.profiles import ExponentialProfile, GaussianProfile, LinearProfile, Profile
from brainevent_core.connect.spatial import by_distance, distance
from brainevent_core.deprecated import no_such_name

__all__ = [
    "Distribution",
    "ExponentialProfile",
    "GaussianProfile",
    "LinearProfile",
    "LogNormal",
    "Normal",
    "Profile",
    "Uniform",
    "all_to_all",
    "by_distance",
    "distance",
    "fixed_indegree",
    "fixed_outdegree",
    "fixed_total_number",
    "one_to_one",
    "pairwise_bernoulli",
]


if not TYPE_CHECKING:  # type checkers would accept any name as one of these

    def __getattr__(name: str) -> Any:
        raise no_such_name(__name__, name)

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
