"""Functions on bare arrays, for those who don't want a matrix: a module per family, which says what is public."""

from brainevent_core.functional import dt2t, jitc, matmul, plasticity, sddmm, slicing
from brainevent_core.functional.dt2t import *
from brainevent_core.functional.jitc import *
from brainevent_core.functional.matmul import *
from brainevent_core.functional.plasticity import *
from brainevent_core.functional.sddmm import *
from brainevent_core.functional.slicing import *

__all__: list[str] = []
__all__ += dt2t.__all__
__all__ += jitc.__all__
__all__ += plasticity.__all__
__all__ += matmul.__all__
__all__ += sddmm.__all__
__all__ += slicing.__all__
