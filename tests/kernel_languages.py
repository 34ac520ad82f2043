"""The kernel languages, if they are installed: the development environment only has Numba."""

from typing import Any

import pytest

import brainevent


def language_or_skip(name: str) -> Any:
    try:
        return getattr(brainevent, name)
    except ImportError as error:  # the extra `languages` installs them all
        pytest.skip(str(error))
