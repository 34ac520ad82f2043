"""Backends: their descriptors, their discovery, and the selection of kernels."""

from brainevent_core.plugins.descriptor import API_VERSION, Backend, KernelCache
from brainevent_core.plugins.discovery import BackendStatus, backends, refresh_backends
from brainevent_core.plugins.languages import LANGUAGES, kernel_language, language_backend
from brainevent_core.plugins.registry import Kernel, KernelRegistry, LeftToXla, get_registry
from brainevent_core.plugins.selection import Selection, ordered, select, warn_unbuilt
from brainevent_core.plugins.takes import FirstOf, Takes

__all__ = [
    "API_VERSION",
    "LANGUAGES",
    "Backend",
    "BackendStatus",
    "FirstOf",
    "Kernel",
    "KernelCache",
    "KernelRegistry",
    "LeftToXla",
    "Selection",
    "Takes",
    "backends",
    "get_registry",
    "kernel_language",
    "language_backend",
    "ordered",
    "refresh_backends",
    "select",
    "warn_unbuilt",
]
