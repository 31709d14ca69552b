"""Compiling the kernel: with the machine's compiler, without one, and inside a wheel."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.imaging.kernel.random_jobs import disagreement, sample_jobs
from viewer.imaging.kernel import binding, build, twin
from viewer.imaging.kernel.jobs import PictureJob

ROOT = Path(__file__).resolve().parents[3]

needs_compiler = pytest.mark.skipif(build.system_compiler() is None, reason="no C compiler on this machine")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("kernel") / build.LIBRARY_NAME
    build.compile_kernel(target)
    return target


@needs_compiler
def test_that_the_compiled_kernel_loads_and_agrees_with_the_twin(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = binding.open_library(library)
    assert loaded.library is not None
    assert loaded.note.startswith("compiled kernel")
    monkeypatch.setattr(binding, "load", lambda: loaded)
    for seed in range(20):
        ours, theirs = sample_jobs(seed)
        twin.sample([ours])
        binding.render([PictureJob((theirs,))])
        assert disagreement(ours, theirs) <= max(0.002, 2.5 / ours.out.size)


@needs_compiler
def test_that_compiling_leaves_nothing_but_the_library(library: Path) -> None:
    assert [path.name for path in library.parent.iterdir()] == [build.LIBRARY_NAME]


@needs_compiler
def test_that_the_library_stays_small(library: Path) -> None:
    assert library.stat().st_size <= 100_000


@needs_compiler
@pytest.mark.skipif(sys.platform == "win32", reason="other warning flags")
def test_that_the_source_compiles_without_a_warning(tmp_path: Path) -> None:
    build.compile_kernel(tmp_path / build.LIBRARY_NAME, extra=("-Wall", "-Wextra", "-Werror"))


@needs_compiler
def test_that_a_kernel_of_another_version_is_not_used(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "ABI", 999)
    loaded = binding.open_library(library)
    assert loaded.library is None
    assert "another version" in loaded.note


def test_that_a_file_that_is_no_library_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / build.LIBRARY_NAME).write_bytes(b"not a library")
    monkeypatch.setattr(binding, "__file__", str(tmp_path / "binding.py"))
    binding.load.cache_clear()
    try:
        assert binding.load().library is None
        assert "does not load" in binding.load().note
    finally:
        binding.load.cache_clear()


def test_that_a_failing_compiler_is_reported_with_its_own_words(tmp_path: Path) -> None:
    fails = [sys.executable, "-c", "import sys; sys.exit('cannot compile today')"]
    with pytest.raises(build.CompileError, match="cannot compile today"):
        build.compile_kernel(tmp_path / build.LIBRARY_NAME, fails)
    with pytest.raises(build.CompileError, match="could not be run"):
        build.compile_kernel(tmp_path / build.LIBRARY_NAME, [str(tmp_path / "no-such-compiler")])
    assert not list(tmp_path.iterdir())


def test_that_a_machine_without_a_compiler_uses_zig_or_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/no/such/compiler")
    assert build.system_compiler() is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert build.compiler() == [sys.executable, "-m", "ziglang", "cc"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(build.CompileError, match="ziglang"):
        build.compiler()


def test_that_the_tag_of_the_wheel_names_the_system_but_no_python_version() -> None:
    assert build.wheel_tag().startswith("py3-none-")
    assert "-" not in build.wheel_tag().removeprefix("py3-none-")


# --- The hook --------------------------------------------------------------------------------------------------


class _Hook:
    """The build hook as hatchling calls it, on a copy of the two files it needs."""

    def __init__(self, root: Path, target: str = "wheel") -> None:
        pytest.importorskip("hatchling")
        spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "packaging" / "hatch_build.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.folder = root / "viewer" / "imaging" / "kernel"
        self.folder.mkdir(parents=True)
        for name in ("build.py", "kernel.c"):
            (self.folder / name).write_bytes((ROOT / "viewer/imaging/kernel" / name).read_bytes())
        self.said: list[str] = []
        app = SimpleNamespace(display_warning=self.said.append, display_info=self.said.append)
        self.hook: Any = module.KernelBuildHook(str(root), {}, None, None, str(root), target, app)
        self.data: dict[str, Any] = {"artifacts": [], "pure_python": True}


@needs_compiler
def test_that_a_wheel_holds_the_kernel_and_is_tagged_for_the_system(tmp_path: Path) -> None:
    made = _Hook(tmp_path)
    assert made.hook.dependencies() == []
    made.hook.initialize("standard", made.data)
    assert (made.folder / build.LIBRARY_NAME).exists()
    assert made.data["artifacts"] == [f"viewer/imaging/kernel/{build.LIBRARY_NAME}"]
    assert made.data["tag"] == build.wheel_tag()
    assert made.data["pure_python"] is False
    made.hook.clean(["standard"])
    assert not (made.folder / build.LIBRARY_NAME).exists()


@needs_compiler
def test_that_an_editable_installation_gets_the_kernel_beside_its_source(tmp_path: Path) -> None:
    made = _Hook(tmp_path)
    made.hook.initialize("editable", made.data)
    assert (made.folder / build.LIBRARY_NAME).exists()
    assert "tag" not in made.data


def test_that_a_wheel_without_compiler_is_pure_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "/no/such/compiler")
    made = _Hook(tmp_path)
    assert made.hook.dependencies() == ["ziglang"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    made.hook.initialize("standard", made.data)
    assert "numpy kernel is used" in made.said[0]
    assert made.data == {"artifacts": [], "pure_python": True}


def test_that_a_source_archive_compiles_nothing(tmp_path: Path) -> None:
    made = _Hook(tmp_path, target="sdist")
    made.hook.initialize("standard", made.data)
    assert not (made.folder / build.LIBRARY_NAME).exists()
