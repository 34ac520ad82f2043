"""``brainevent precompile``: what it compiles, where this is stored, and that new processes find it."""

import os
import re
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import numpy as np
import pytest

import brainevent
from brainevent_core import precompile
from brainevent_core.__main__ import main


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BRAINEVENT_CACHE_DIR": str(folder)}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)


FIRST_USE = """
    import warnings
    warnings.simplefilter("error")
    import jax.numpy as jnp
    import numpy as np
    import brainevent
    from brainevent_cpu.bridge import handler

    def compiled(kernel, *_):
        raise AssertionError(f"{kernel.name} was compiled")

    handler._compiled = compiled
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((40, 300)) < 0.5, np.float32(0.5), 0)
    W = brainevent.CSR.fromdense(jnp.asarray(dense))
    W = W.with_data(jnp.full(1, 0.5, jnp.float32))
    spikes = rng.random(300) < 0.1
    np.testing.assert_allclose(W @ brainevent.BinaryArray(spikes), dense @ spikes, rtol=1e-5)
    print("right")
"""


def test_a_new_process_compiles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "cache"
    arguments = ["-m", "brainevent", "precompile", "--select", "^CSR, one weight: W @ spikes", "--for-all-users"]
    done = run(*arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    assert f"1 calls into {folder}" in done.stdout
    assert re.search(r"1/1  CSR, one weight: W @ spikes, float32  \(\d new, ", done.stdout)
    files = list(folder.rglob("*.handler"))
    size = sum(file.stat().st_size for file in files) / 2**20
    assert re.search(rf"Wrote {len(files)} kernels in .*{folder}.* has {len(files)}, {size:.1f} MiB", done.stdout)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (*files, folder / "handlers", folder, folder.parent)}
    assert set(modes.values()) == {0o644, 0o755}
    done = run("-c", textwrap.dedent(FIRST_USE), folder=folder)
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr
    assert sorted(folder.rglob("*.handler")) == sorted(files)


def test_every_call_of_the_table_can_be_lowered(rng: np.random.Generator) -> None:
    dtype = rng.choice(precompile.DTYPES)
    with jax.enable_x64(dtype == "float64"), brainevent.use_backend("reference"):
        names = []
        for call in precompile.calls(str(dtype)):
            for arguments in call.arguments:
                assert jax.eval_shape(call.function, *arguments).dtype == dtype
            names.append(call.name)
    assert len(set(names)) == len(names)
    assert all(name.endswith(f", {dtype}") for name in names)


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["precompile", "--list", "--select", "^COO: .*@", "--dtypes", "float64,float16"]) == 0
    expected = [f"COO: {call}, {dtype}" for dtype in ("float64", "float16") for call in ("spikes @ W", "W @ spikes")]
    assert capsys.readouterr().out.splitlines() == expected
    assert not jax.config.read("jax_enable_x64")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dtypes", "float8"], "weights are float32, .*got 'float8'"),
        (["--select", "("], "is not a regular expression"),
        (["--arch", "hopper"], "architectures are numbers such as 90 or sm_90, got 'hopper'"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["precompile", *arguments])
    assert re.search(message, capsys.readouterr().err)


def test_where_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["precompile", "--select", "no such call"]) == 1
    assert "no call" in capsys.readouterr().out
    assert main(["precompile", "--backend", "abacus"]) == 1
    assert re.search(r"No usable backend 'abacus'.*found: 'numba'", capsys.readouterr().out)
    assert main(["precompile", "--platform", "abacus"]) == 1
    assert "No usable backend for 'abacus' keeps kernels on disk; found: none" in capsys.readouterr().out
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o775)
    assert main(["precompile", "--select", "^COO: W @ spikes"]) == 1
    assert re.search(r"can't keep kernels: others can write to ", capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []
