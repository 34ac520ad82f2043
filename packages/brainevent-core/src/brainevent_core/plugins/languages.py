"""Kernel languages: what the packages of backends bring for users who write operators of their own."""

from __future__ import annotations

import importlib
from typing import Any

from brainevent_core.plugins.descriptor import LANGUAGE_SUFFIX as SUFFIX
from brainevent_core.plugins.discovery import BackendStatus, backends

__all__ = ["LANGUAGES", "kernel_language"]

#: The languages of our own packages → what to install for them.
LANGUAGES = {"numba_kernel": "brainevent[cpu]"}


def kernel_language(name: str) -> Any:
    """The language of that name, from the backend of the highest priority that has it; None if there is none.

    Raises:
        ImportError: if the package that provides it is missing or can't be imported.
    """
    if not name.endswith(SUFFIX):  # such as what Python looks for in any module: no need to look for backends
        return None
    status = _provider(name)
    if status is not None and status.backend is not None:
        module, _, attribute = status.backend.languages[name].partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ImportError(
                f"{name} is provided by {status.distribution}, but {module}:{attribute} can't be imported: {error}. "
                f"{status.reason or 'Reinstall that package.'}"
            ) from error
    if name in LANGUAGES:
        raise ImportError(f"{name} comes with a backend that is not installed: pip install '{LANGUAGES[name]}'.")
    return None


def _provider(name: str) -> BackendStatus | None:
    providers = [status for status in backends() if status.backend is not None and name in status.backend.languages]
    return max(providers, key=lambda status: status.backend.priority if status.backend else 0, default=None)
