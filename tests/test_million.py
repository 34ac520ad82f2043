"""The example with a million neurons, at a size that a test can afford."""

import importlib
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_small_network_fires(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("BRAINEVENT_BACKEND", "reference")
    million = importlib.import_module("million")
    assert million.main(["--neurons", "2000", "--synapses", "50", "--steps", "60"]) == 0
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert printed["neurons"] == "2,000, with 50 synapses each"
    assert 1 < float(printed["firing"].split()[0]) < 500
    assert set(printed) == {"neurons", "firing", "time", "start", "memory"}
