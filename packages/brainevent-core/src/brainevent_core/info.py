"""The report of ``python -m brainevent info``: installed packages, backends, and the kernels that would run."""

from __future__ import annotations

import platform as host
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from brainevent_core import config
from brainevent_core.plugins import API_VERSION, backends, get_registry, ordered
from brainevent_core.plugins.discovery import load_backends
from brainevent_core.primitive import get_all_primitive_names, get_primitive

__all__ = ["gather", "render", "table"]

_ADVICE = (
    "No backend with native kernels for the CPU can be used: core's own run, which are several times slower.\n"
    "`pip install 'brainevent[cpu]'` adds faster ones."
)

_PACKAGES = ("brainevent", "brainevent-core", "jax", "jaxlib", "numpy", "brainunit", "numba", "warp-lang")

#: Shown only if they are installed.
_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin", "libtpu")


def gather() -> dict[str, Any]:
    """The contents of the report, as plain data.

    Returns:
        ``versions``: name → version or None; ``backends``: one entry for core's own kernels and each installed backend;
        ``primitives``: for each, the kernels on each platform in the order in which they are tried, and the calls that
        are left to XLA by design, with the reason.
    """
    statuses = backends()
    others = [s.backend for s in statuses if s.backend is not None and s.name != config.EVENTS]
    platforms = sorted({"cpu", *(platform for backend in others for platform in backend.platforms)})
    for platform in platforms:
        load_backends(platform)
    return {
        "api": API_VERSION,
        "python": host.python_version(),
        "versions": {
            **{name: _version(name) for name in _PACKAGES},
            **{name: found for name in _PLUGINS if (found := _version(name)) is not None},
        },
        "requests": {platform: config.get_backend(platform) for platform in platforms},
        "backends": [_backend_entry(status) for status in statuses],
        "primitives": [
            {
                "name": name,
                "tags": sorted(get_primitive(name).tags),
                "kernels": {platform: _kernels(name, platform) for platform in platforms},
                "left_to_xla": {platform: _left_to_xla(name, platform) for platform in platforms},
            }
            for name in get_all_primitive_names()
        ],
    }


def render(report: dict[str, Any]) -> str:
    """The report of :func:`gather` as text."""
    versions = [(name, found or "not installed") for name, found in report["versions"].items()]
    found = [
        (entry["name"], ", ".join(entry["platforms"]), entry["distribution"], str(entry["kernels"]), entry["state"])
        for entry in report["backends"]
    ]
    platforms = list(report["requests"])
    rows = [
        (entry["name"], *(" > ".join([*entry["kernels"][platform], config.REFERENCE]) for platform in platforms))
        for entry in report["primitives"]
    ]
    left = [
        f"{entry['name']} on {platform}: {reason}"
        for entry in report["primitives"]
        for platform in platforms
        for reason in entry["left_to_xla"][platform]
    ]
    requested = [f"{platform}: {name}" for platform, name in report["requests"].items() if name]
    return "\n\n".join(
        [
            table(("package", "version"), [("python", report["python"]), *versions]),
            "Backends" + (f" (asked for: {', '.join(requested)})" if requested else ""),
            table(("backend", "platforms", "distribution", "kernels", "state"), found),
            *([] if _has_native_kernels(report) else [_ADVICE]),
            "Primitives, and the kernels tried for them in this order",
            table(("primitive", *platforms), rows),
            *(["\n".join(["Calls that backends leave to the reference by design", *left])] if left else []),
        ]
    )


def _has_native_kernels(report: dict[str, Any]) -> bool:
    """Whether a backend besides core's own can run on the CPU."""
    others = [entry for entry in report["backends"] if entry["name"] != config.EVENTS]
    return any(entry["usable"] and "cpu" in entry["platforms"] for entry in others)


def _backend_entry(status: Any) -> dict[str, Any]:
    backend = status.backend
    kernels = [kernel for kernel in get_registry().kernels() if kernel.backend == status.name]
    if status.reason is None:
        state = "usable"
    else:
        state = f"{'broken' if status.broken else 'unavailable'}: {status.reason}"
    return {
        "name": status.name,
        "distribution": status.distribution,
        "entry_point": status.reference,
        "platforms": list(backend.platforms) if backend else [],
        "api": backend.api if backend else None,
        "priority": backend.priority if backend else None,
        "usable": status.reason is None,
        "reason": status.reason,
        "state": state,
        "kernels": len(kernels),
    }


def _kernels(primitive: str, platform: str) -> list[str]:
    kernels = ordered(get_registry().kernels(primitive, platform))
    return [kernel.backend for kernel in kernels if not kernel.on_request]


def _left_to_xla(primitive: str, platform: str) -> list[str]:
    return [f"{left.backend}: {left.because}" for left in get_registry().left_to_xla(primitive, platform)]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns with a header, as text."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    widths[-1] = 0  # the last column is not padded
    lines = [head, ["-" * max(width, len(title)) for width, title in zip(widths, head)], *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
