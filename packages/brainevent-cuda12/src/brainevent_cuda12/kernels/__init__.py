"""The CUDA kernels, one source tree for both CUDA lines.

In the repository, this folder belongs to ``brainevent_cuda12``, and ``brainevent_cuda13`` has a symbolic link to it;
built distributions hold a copy each. So that both can be installed together, imports in here are relative, and
whatever differs between the lines is an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["LANGUAGES", "build_for", "register"]

#: What users reach through `brainevent`, wherever Warp is installed: a kernel language, and what goes with it.
LANGUAGES = {
    name: f"{__name__}.language:{name}" for name in ("warp_kernel", "jaxtype_to_warptype", "jaxinfo_to_warpinfo")
}


def build_for(registry: KernelRegistry, architectures: tuple[int, ...], *, backend: str) -> None:
    """Add the kernels so that lowering for GPUs compiles them for these architectures, without a GPU."""
    from .launcher import call

    call.build_for(architectures)
    register(registry, backend=backend)


def register(registry: KernelRegistry, *, backend: str, platform: str = "cuda") -> None:
    """Add the kernels to ``registry`` under the name ``backend``: for GPUs, or for a CPU, on which they are tested.

    They run where that backend is asked for by name, on GPUs too as long as nobody has seen them there: the self-test
    finds wrong numbers, but after an access to memory that isn't there CUDA refuses all further work of the process.
    """
    import functools

    from . import delays, jitc, matmul, plasticity, sddmm

    kernels: tuple[tuple[str, Any, Any, dict[str, bool]], ...] = (
        ("matmul", matmul.matmul, matmul.supports_matmul, {}),
        ("sddmm", sddmm.sddmm, sddmm.supports_sddmm, {}),
        ("stdp_update", plasticity.stdp_update, plasticity.supports_stdp_update, {"in_place": True}),
        ("deliver", delays.deliver, delays.supports_deliver, {"in_place": True}),
        ("take_slot", delays.take_slot, delays.supports_take, {"in_place": True}),
        ("jitc_matmul", jitc.matmul, jitc.supports_matmul, {}),
        ("jitc_to_dense", jitc.to_dense, jitc.supports_writing, {}),
        ("jitc_to_coo", jitc.to_coo, jitc.supports_writing, {}),
    )
    for primitive, kernel, supports, abilities in kernels:
        registry.register_kernel(
            primitive,
            platform,
            functools.partial(kernel, platform=platform),
            backend=backend,
            supports=supports,
            exportable=False,
            batched=True,
            on_request=True,
            **abilities,
        )
    left: tuple[tuple[str, Any, str], ...] = (
        ("encode_events", None, "encoding is elementwise or a cumulative sum, and fuses with what computes the events"),
        ("matmul", matmul.LEFT_TO_XLA, "numbers times a dense matrix have nothing sparse in them"),
        ("sddmm", sddmm.LEFT_TO_XLA, "outer products have nothing sparse in them"),
    )
    for primitive, calls, reason in left:
        registry.leave_to_xla(primitive, platform, backend=backend, calls=calls, because=reason)
