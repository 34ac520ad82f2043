"""The descriptor of this package for brainevent. Imports no kernels and creates no arrays."""

from brainevent_core.plugins import Backend


def register(registry):
    """Register the kernels; called when something is first compiled for a CPU."""
    from brainevent_example import kernels

    registry.register_kernel("matmul", "cpu", kernels.matmul, backend="example", supports=kernels.supports_matmul)
    registry.register_kernel("encode_events", "cpu", kernels.pack, backend="example", supports=kernels.supports_packing)


BACKEND = Backend(
    name="example",
    platforms=("cpu",),
    api=1,
    priority=-1,  # only on request
    register=register,
    languages={"entry_kernel": "brainevent_example.language:entry_kernel"},
    declines={
        "^matmul-(?!coo-)": "only coordinates have a kernel",
        "^matmul-.*-(vmap_(data|structure|all)|nested)$": "the kernel takes one matrix at a time",
        "^encode_events-compact-": "only bits are packed",
    },
)
