"""The kernel languages, where they are installed: the development environment has Numba alone."""

from typing import Any

import pytest

import brainevent


def language_or_skip(name: str) -> Any:
    try:
        return getattr(brainevent, name)
    except ImportError as error:  # the extra `languages` has them all
        pytest.skip(str(error))
