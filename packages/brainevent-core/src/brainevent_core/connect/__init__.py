"""Connection rules: who is connected with whom, drawn by (seed, row).

The names of the rules are those of NEST (Senk et al. 2022, doi:10.1371/journal.pcbi.1010086). Each gives a matrix of
shape (n_pre, n_post), whose rows are presynaptic neurons, in any stored format::

    connect.fixed_indegree(800, 200, 80, weight=connect.Normal(0.5 * u.nS, 0.1 * u.nS), seed=1, format="csc")

A seed gives the same network on every machine, and a block of rows alone is the slice of the whole:
``docs/connection-rules.md`` defines the draw. It is made on the host, with NumPy, outside of ``jit`` as well as inside.

**Weights** are one of

- a number or a quantity, one for all synapses (NumPy's and JAX's scalars, too);
- an array or a quantity of one per synapse, (nse,), in the order of the rule: by presynaptic neuron, then by
  postsynaptic neuron; of :func:`fixed_indegree` by postsynaptic, then by presynaptic neuron, whatever the format. A
  fixed degree takes (neurons, degree) as well;
- a distribution: :class:`Normal`, :class:`LogNormal`, :class:`Uniform`;
- a function ``weight(key, pre, post)``, of :func:`distance` ``weight(key, pre, post, distance)``. It gets a
  ``jax.random`` key made of the seed, and vectors of one element per synapse in the order of the rule: the ids of the
  neurons (int32 arrays of NumPy) and their distance (float64, or a quantity in the unit of the positions). It returns
  one weight per synapse, or one for all. For a block of rows it is called with the synapses of the block, and the ids
  that they have in the whole;
- for :func:`distance` a profile: its value at the distance of the two neurons.

**Delays** (``delay=``) are whole steps, at least 1, and likewise a number, an array, a distribution or a function,
which gets a key of its own. Draws of a distribution are rounded to the nearest step; ``low=`` keeps them at one step or
more. :func:`brainevent.steps` makes steps of times, and of distributions of times. Without ``delay=`` a matrix has
none::

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


if not TYPE_CHECKING:  # type checkers would take any name for one of these

    def __getattr__(name: str) -> Any:
        raise no_such_name(__name__, name)

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
