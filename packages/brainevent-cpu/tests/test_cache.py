"""Machine code on disk: which files are trusted, when they are reused, and how many are kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brainevent_core
import brainevent_cpu
from brainevent_core.errors import BackendWarning
from brainevent_core.plugins import KernelCache
from brainevent_cpu.bridge import NativeKernel, cache, store
from brainevent_cpu.bridge.handler import Handler, compile_handler
from brainevent_cpu.testing import CallFrame

HANDLERS = store.Store("handlers", "handler")
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root can give files to other users and act as one")

#: Two users other than root.
OURS, THEIRS = 54321, 54322

F32 = np.dtype(np.float32)
SPECS = [(F32, 1)], [(F32, 1)]


def _double(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        out[i] = 2 * x[i]
    return 0


def kernel(name: str = "doubles_from_disk") -> NativeKernel:
    return NativeKernel(name, lambda: _double, sources=(__file__,))


def key_of(name: str = "doubles_from_disk") -> str:
    return cache.handler_key(kernel(name), (*([("float32", 1)],) * 2, []))


def doubles(handler: Handler, rng: np.random.Generator) -> bool:
    x = rng.normal(size=5).astype(F32)
    out = np.zeros_like(x)
    return CallFrame([x], [out]).call(handler) == 0 and np.array_equal(out, 2 * x)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the handler of `kernel()`, as left by a program."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINEVENT_CACHE_DIR", str(folder))
        assert not compile_handler(kernel(), *SPECS).from_disk
    return folder


@pytest.fixture
def top(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that any user can reach; `top / "home" / "cache"` is the cache."""
    top = Path(tempfile.mkdtemp(prefix="brainevent-")).resolve()
    top.chmod(0o755)
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(top / "home" / "cache"))
    monkeypatch.setattr(store, "_warned", set())
    yield top
    shutil.rmtree(top)


def fill(compiled: Path, top: Path, mode: int = 0o644) -> Path:
    """Copy the cache to its place in `top`, and return the path of its file."""
    target = top / "home" / "cache"
    shutil.copytree(compiled, target)
    for path in (top / "home", target, target / "handlers"):
        path.chmod(0o755)
    (file,) = (target / "handlers").iterdir()
    file.chmod(mode)
    return file


@contextmanager
def user(uid: int) -> Iterator[None]:
    """Act as another user, if running as root."""
    if ROOT:
        os.seteuid(uid)
    try:
        yield
    finally:
        if ROOT:
            os.seteuid(0)


# --- What is written --------------------------------------------------------------------------------------------------


def test_handlers_are_kept_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: Path, rng: np.random.Generator
) -> None:
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(compiled))
    found = compile_handler(kernel(), *SPECS)
    assert found.from_disk
    assert doubles(found, rng)
    size = sum(path.stat().st_size for path in compiled.rglob("*.handler"))
    assert cache.state() == KernelCache(folder=compiled / "handlers", files=1, size=size)


def test_only_the_user_can_read_and_write_what_is_kept(compiled: Path) -> None:
    modes = {path.relative_to(compiled).suffix: path.stat().st_mode & 0o777 for path in compiled.rglob("*")}
    assert modes == {"": 0o700, ".handler": 0o600}


def test_a_file_is_data_that_says_what_it_is(compiled: Path) -> None:
    (file,) = compiled.rglob("*.handler")
    magic, checksum, header, code = file.read_bytes().split(b"\n", 3)
    assert magic.startswith(b"brainevent handler")
    assert len(bytes.fromhex(checksum.decode())) == 32
    assert json.loads(header)["key"] == file.stem
    assert code[:4] == b"\x7fELF" or sys.platform != "linux"


def _cut(content: bytes) -> bytes:
    return content[:-100]


def _flip_in_the_code(content: bytes) -> bytes:
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


def _flip_in_the_header(content: bytes) -> bytes:
    return content.replace(b'"needs"', b'"deeds"')


def _pickle(content: bytes) -> bytes:
    import pickle

    return pickle.dumps(content)


def _of_another_key(content: bytes) -> bytes:
    entry = HANDLERS.decoded(content, key_of())
    assert entry is not None
    return HANDLERS.encoded("0" * 64, entry)


@pytest.mark.parametrize(
    "damage", [_cut, _flip_in_the_code, _flip_in_the_header, _pickle, _of_another_key, lambda content: b""]
)
def test_a_damaged_file_is_no_file(damage: Callable[[bytes], bytes], top: Path, compiled: Path) -> None:
    file = fill(compiled, top, 0o600)
    assert cache.load(key_of()) is not None
    file.write_bytes(damage(file.read_bytes()))
    assert cache.load(key_of()) is None
    handler = compile_handler(kernel(), *SPECS)
    assert not handler.from_disk
    assert cache.load(key_of()) is not None  # rewritten


def test_code_that_needs_a_missing_symbol_is_not_linked(top: Path, compiled: Path) -> None:
    """Linking it would make LLVM abort the process."""
    file = fill(compiled, top, 0o600)
    entry = HANDLERS.decoded(file.read_bytes(), key_of())
    assert entry is not None
    needs = [*entry.fields["needs"], "no_such_symbol"]
    file.write_bytes(HANDLERS.encoded(key_of(), entry._replace(fields={**entry.fields, "needs": needs})))
    assert cache.load(key_of()) is None


# --- Which owners are trusted -----------------------------------------------------------------------------------------


def _chmod(path: str, mode: int) -> Callable[[Path], Any]:
    return lambda top: next(top.glob(path)).chmod(mode)


def _chown(path: str, uid: int) -> Callable[[Path], Any]:
    return lambda top: os.chown(next(top.glob(path)), uid, uid, follow_symlinks=False)


def _through_a_link_of(uid: int) -> Callable[[Path], Any]:
    def change(top: Path) -> None:
        (top / "home").rename(top / "elsewhere")
        (top / "home").symlink_to(top / "elsewhere")
        os.chown(top / "home", uid, uid, follow_symlinks=False)

    return change


def _file_behind_a_link(top: Path) -> None:
    (file,) = top.rglob("*.handler")
    file.rename(top / "planted")
    file.symlink_to(top / "planted")


REFUSED = {
    "group-writable folder": (_chmod("home/cache/handlers", 0o775), "others can write to .*handlers"),
    "world-writable folder": (_chmod("home/cache/handlers", 0o707), "others can write to .*handlers"),
    "sticky folder": (_chmod("home/cache/handlers", 0o1777), "others can write to .*handlers"),
    "group-writable folder above": (_chmod("home/cache", 0o770), "others can write to .*cache"),
    "world-writable folder further above": (_chmod("home", 0o777), "others can write to .*home"),
    "group-writable file": (_chmod("home/cache/handlers/*", 0o664), "others can write to .*handler"),
    "world-writable file": (_chmod("home/cache/handlers/*", 0o602), "others can write to .*handler"),
    "file behind a link": (_file_behind_a_link, "not a regular file"),
}
FOREIGN = {
    "foreign folder": (_chown("home/cache/handlers", THEIRS), f"handlers belongs to .*{THEIRS}"),
    "foreign folder above": (_chown("home", THEIRS), f"home belongs to .*{THEIRS}"),
    "foreign file": (_chown("home/cache/handlers/*", THEIRS), f"handler belongs to .*{THEIRS}"),
    "through a foreign link": (_through_a_link_of(THEIRS), f"home belongs to .*{THEIRS}"),
}


@pytest.mark.skipif(os.name != "posix", reason="Python can't read who may write to a file elsewhere")
@pytest.mark.parametrize("case", [*REFUSED, *(pytest.param(name, marks=as_root) for name in FOREIGN)])
@pytest.mark.parametrize("uid", [0, pytest.param(OURS, marks=as_root)])
def test_what_others_can_have_written_is_not_opened(
    case: str, uid: int, top: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = fill(compiled, top)
    change, message = {**REFUSED, **FOREIGN}[case]
    opened, links = [], []
    with monkeypatch.context() as patch:
        real = os.open
        patch.setattr(os, "open", lambda path, *rest, **kw: opened.append(path) or real(path, *rest, **kw))
        patch.setattr(cache, "_link", links.append)
        with user(uid):
            cache.load(key_of())  # as root, or as a user, who may load files of root
        assert (len(opened), len(links)) == (1, 1)
        change(top)
        with user(uid):
            with pytest.warns(BackendWarning, match=message) as warned:
                assert cache.load(key_of()) is None
            assert len(warned) == 1
            assert cache.load(key_of()) is None  # without a second warning
    assert (len(opened), len(links)) == (1, 1)
    if (case, uid) == ("group-writable folder", 0):
        before = file.stat()
        assert not compile_handler(kernel(), *SPECS).from_disk
        assert file.stat() == before


@as_root
@pytest.mark.parametrize("link", [0, OURS])
def test_own_links_and_those_of_root_are_followed(link: int, top: Path, compiled: Path) -> None:
    fill(compiled, top)
    _through_a_link_of(link)(top)
    top.chmod(0o1777)  # like /tmp
    with user(OURS):
        assert cache.load(key_of()) is not None


def test_nothing_is_made_in_a_folder_of_others(top: Path) -> None:
    (top / "home").mkdir()
    (top / "home").chmod(0o777)
    with pytest.warns(BackendWarning, match="others can write to .*home"):
        compile_handler(kernel(), *SPECS)
    assert list((top / "home").iterdir()) == []


def test_folders_are_made_in_sticky_ones(top: Path) -> None:
    (top / "home").mkdir()
    (top / "home").chmod(0o1777)
    compile_handler(kernel(), *SPECS)
    assert cache.load(key_of()) is not None


@pytest.mark.parametrize("variable", ["BRAINEVENT_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_where_it_is(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BRAINEVENT_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    own = variable == "BRAINEVENT_CACHE_DIR"
    assert HANDLERS.folder == tmp_path / ("handlers" if own else "brainevent/handlers")


def test_a_folder_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(tmp_path / "file"))
    assert doubles(compile_handler(kernel(), *SPECS), rng)


def test_a_read_only_folder_is_read(top: Path, compiled: Path, rng: np.random.Generator) -> None:
    """As in an image that root has built."""
    file = fill(compiled, top)
    file.parent.chmod(0o555)
    cache.load(key_of())
    with user(OURS):
        found = cache.load(key_of())
        assert found is not None
        assert doubles(Handler(found.address, True, found.engine), rng)
        fresh = compile_handler(kernel("another"), *SPECS)
        assert doubles(fresh, rng)
        assert [path.name for path in file.parent.iterdir()] == [file.name]


# --- When a file is reused --------------------------------------------------------------------------------------------

REPORT = """
    import os, platform
    import numpy as np
    if "OTHER_RELEASE" in os.environ and hasattr(os, "uname"):
        system, node, _, _, machine = os.uname()
        os.uname = lambda: os.uname_result((system, node, os.environ["OTHER_RELEASE"], "#7", machine))
        assert platform.release() == os.environ["OTHER_RELEASE"]
    from brainevent_cpu.bridge.handler import compile_handler
    from brainevent_cpu.kernels.compiled import native_kernel
    from brainevent_cpu.kernels.kernel_spec import KernelSpec
    import brainevent_cpu
    spec = [(np.dtype(np.int32), 1)]
    handler = compile_handler(native_kernel(KernelSpec("pointers"), 0), spec, spec, [np.dtype(np.int64)])
    print(handler.from_disk, brainevent_cpu.__file__)
"""

#: Settings that don't affect machine code, and settings that do.
SAME = {
    "NUMBA_NUM_THREADS": "1",
    "NUMBA_THREADING_LAYER": "workqueue",
    "NUMBA_FULL_TRACEBACKS": "1",
    "NUMBA_DEBUG_CACHE": "0",
    "NUMBA_DISABLE_PERFORMANCE_WARNINGS": "1",
    "NUMBA_NO_SUCH_SETTING": "1",
}
OTHER = {"NUMBA_OPT": "1", "NUMBA_BOUNDSCHECK": "1", "NUMBA_CPU_NAME": "generic", "NUMBA_LOOP_VECTORIZE": "0"}


def run(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    full = {**os.environ, **environment}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=full).stdout.strip()


def test_a_copied_folder_serves_another_installation(tmp_path: Path) -> None:
    """The same packages at another path, with another kernel release of the operating system and other settings."""
    first, second = tmp_path / "first", tmp_path / "second"
    found, here = run(REPORT, BRAINEVENT_CACHE_DIR=str(first)).split()
    assert found == "False"
    shutil.copytree(first, second)
    shutil.rmtree(first)
    for package in (brainevent_core, brainevent_cpu):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, tmp_path / "site" / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    found, there = run(
        REPORT,
        BRAINEVENT_CACHE_DIR=str(second),
        PYTHONPATH=str(tmp_path / "site"),
        PYTHONDONTWRITEBYTECODE="1",
        OTHER_RELEASE="7.99.0-other",
        **SAME,
    ).split()
    assert there != here
    assert found == "True"


@pytest.mark.parametrize("name", SAME)
def test_settings_that_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import config

    before = key_of()
    monkeypatch.setenv(name, SAME[name])
    try:
        config.reload_config()
        assert key_of() == before
    finally:
        monkeypatch.undo()
        config.reload_config()


@pytest.mark.parametrize("name", OTHER)
def test_settings_that_change_machine_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import config

    before = key_of()
    monkeypatch.setenv(name, OTHER[name])
    try:
        config.reload_config()
        assert key_of() != before
    finally:
        monkeypatch.undo()
        config.reload_config()
    assert key_of() == before


def test_the_key_follows_sources_dtypes_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llvmlite
    import numba

    source = tmp_path / "source.py"
    source.write_text("1")
    arguments = ([("float32", 1)], [])
    made = NativeKernel("made", lambda: _double, sources=(str(source),))
    keys = {cache.handler_key(made, arguments), cache.handler_key(made, ([("float64", 1)], []))}
    keys.add(cache.handler_key(NativeKernel("other", lambda: _double, sources=(str(source),)), arguments))
    source.write_text("20")
    keys.add(cache.handler_key(made, arguments))
    for module in (numba, llvmlite):
        monkeypatch.setattr(module, "__version__", "0.0")
        keys.add(cache.handler_key(made, arguments))
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-0")
    keys.add(cache.handler_key(made, arguments))
    assert len(keys) == 7


# --- How many files are kept ------------------------------------------------------------------------------------------


def test_what_was_not_used_for_longest_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "handlers"
    now = time.time()
    names = [f"pruned_{i}" for i in range(3)]
    for age, name in zip((5, 4, 3), names):
        compile_handler(kernel(name), *SPECS)
        os.utime(folder / f"{key_of(name)}.handler", (now - age * 86_400,) * 2)
    abandoned, recent, foreign = folder / "new-old", folder / "new-recent", folder / "notes.txt"
    for path in (abandoned, recent, foreign):
        path.write_text("x" * 10)
    os.utime(abandoned, (now - 10 * 86_400,) * 2)
    os.utime(foreign, (now - 10 * 86_400,) * 2)
    assert cache.load(key_of(names[0])) is not None  # used just now, so the second is the least recently used
    monkeypatch.setattr(store, "SIZE_LIMIT", cache.state().size + 100)
    compile_handler(kernel("pruned_3"), *SPECS)
    left = {path.name for path in folder.iterdir()}
    kept = (names[0], names[2], "pruned_3")
    assert left == {*(f"{key_of(name)}.handler" for name in kept), recent.name, foreign.name}
