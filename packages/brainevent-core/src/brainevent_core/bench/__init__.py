"""Benchmarks of backends, which compare every kernel with the reference and with other backends.

They need the extra ``brainevent[bench]``, and are not imported with ``brainevent``.
"""

from brainevent_core.bench.cases import BenchCase, bench_cases
from brainevent_core.bench.command import main
from brainevent_core.bench.figures import Outcome, Sample, Spread
from brainevent_core.bench.kernels import measure_case
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.rounds import Effort

__all__ = ["BenchCase", "Effort", "Measured", "Outcome", "Sample", "Spread", "bench_cases", "main", "measure_case"]
