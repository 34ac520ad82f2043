"""Kernel languages, which backend packages provide for user-defined operators."""

from __future__ import annotations

import importlib
from typing import Any

from brainevent_core.plugins.descriptor import LANGUAGE_SUFFIX, LANGUAGES, may_be_language
from brainevent_core.plugins.discovery import BackendStatus, backends

__all__ = ["LANGUAGES", "kernel_language", "known_languages", "language_backend", "language_platforms"]


def kernel_language(name: str) -> Any:
    """The language of that name, None if there is none. If several backends provide it, one that can run here is
    preferred, then the one with the highest priority.

    Raises:
        ImportError: if the package that provides it is missing or can't be imported.
    """
    if not may_be_language(name):
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
        remedy = " or ".join(f"pip install '{extra}'" for extra in LANGUAGES[name])
        raise ImportError(f"{name} comes with a backend that is not installed: {remedy}.")
    return None


def language_backend(name: str) -> str:
    """The name of the backend that provides a language, to which kernels in it belong."""
    status = _provider(name)
    return name.removesuffix(LANGUAGE_SUFFIX) if status is None else status.name


def language_platforms(name: str) -> tuple[str, ...]:
    """The platforms of the backend that provides a language; none if no backend does."""
    status = _provider(name)
    return () if status is None or status.backend is None else status.backend.platforms


def known_languages() -> list[str]:
    """The names of the languages that an installed backend provides, and of those of brainevent's packages, sorted."""
    found = {name for status in backends() if status.backend is not None for name in status.backend.languages}
    return sorted(name for name in {*LANGUAGES, *found} if name.endswith(LANGUAGE_SUFFIX))


def _provider(name: str) -> BackendStatus | None:
    providers = [status for status in backends() if status.backend is not None and name in status.backend.languages]

    def preference(status: BackendStatus) -> tuple[bool, int]:
        return status.usable, status.backend.priority if status.backend else 0

    return max(providers, key=preference, default=None)
