"""The CUDA kernels, one source tree for CUDA 12 and CUDA 13.

In the repository, this folder belongs to ``brainevent_cuda12``, and ``brainevent_cuda13`` has a symbolic link to it;
each built distribution contains a copy. Both can be installed together, so imports in this folder are relative, and
everything that differs between the CUDA versions is an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["LANGUAGES", "build_for", "register"]

#: Names that users get from `brainevent` if Warp is installed: the kernel language and its helpers.
LANGUAGES = {
    name: f"{__name__}.language:{name}" for name in ("warp_kernel", "jaxtype_to_warptype", "jaxinfo_to_warpinfo")
}


def build_for(registry: KernelRegistry, architectures: tuple[int, ...], *, backend: str) -> None:
    """Register the kernels such that lowering for GPUs compiles them for these architectures, without a GPU."""
    from .launcher import call

    call.build_for(architectures)
    register(registry, backend=backend)


def register(registry: KernelRegistry, *, backend: str, platform: str = "cuda") -> None:
    """Register the kernels under the name ``backend``: for GPUs, or for a CPU, on which they are tested.

    They run only if this backend is requested by name, also on GPUs until they have been verified there: the self-test
    detects wrong results, but after an illegal memory access CUDA refuses all further work of the process.
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
        ("encode_events", None, "encoding is elementwise or a cumulative sum, and XLA fuses it with its input"),
        ("matmul", matmul.LEFT_TO_XLA, "a dense matrix times a float vector is a dense product"),
        ("sddmm", sddmm.LEFT_TO_XLA, "a dense sampled product is an outer product"),
    )
    for primitive, calls, reason in left:
        registry.leave_to_xla(primitive, platform, backend=backend, calls=calls, because=reason)
