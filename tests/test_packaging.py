"""What users install is what was meant: locked, hashed, without faulty or unwanted packages, whole."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import viewer

CHECKOUT = Path(__file__).resolve().parent.parent
LOCKS = sorted((CHECKOUT / "packaging").glob("*.lock"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = ("linux", "darwin", "win32")
# Why each is unwanted: GPL, GPL, kills the process on bad data, GPL codecs, GPL codecs.
UNWANTED = {"pyqt5", "pyqt6", "pylibjpeg-libjpeg", "python-gdcm", "imageio-ffmpeg", "av", "watchdog"}
# What only extras and tests may bring.
HEAVY = {
    "numba",
    "scipy",
    "vtk",
    "torch",
    "simpleitk",
    "zarr",
    "distributed",
    "onnxruntime",
    "matplotlib",
    "pandas",
}


def _project() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def _locked(lock: Path) -> dict[Requirement, int]:
    """Each locked requirement and the number of its hashes."""
    logical = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    lines = [line for line in logical if line.strip() and not line.startswith("#")]
    return {Requirement(line.split("--hash")[0].strip()): line.count("--hash=sha256:") for line in lines}


def _environment(python: str, system: str) -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "os_name": "nt" if system == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


def _versions(lock: Path, python: str, system: str) -> dict[str, str]:
    """Name to version of what a lock installs on one Python and system; a name must not come twice."""
    environment = _environment(python, system)
    applying = [r for r in _locked(lock) if r.marker is None or r.marker.evaluate(environment)]
    versions: dict[str, str] = {
        canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in applying
    }
    assert len(versions) == len(applying)
    return versions


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.name))
def test_that_locked_packages_are_exact_hashed_and_name_no_address(lock: Path) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|file:", lock.read_text(encoding="utf-8"))
    for requirement, hashes in _locked(lock).items():
        assert str(requirement.specifier).startswith("=="), requirement
        assert hashes > 0, requirement


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_that_the_lock_fulfils_what_the_project_asks_for(python: str, system: str) -> None:
    project, environment = _project(), _environment(python, system)
    groups = project["dependency-groups"]
    core = [*project["project"]["dependencies"], *groups["build"]]
    for lock, wanted in {
        "requirements.lock": core,
        "requirements-dev.lock": [*core, *groups["test"], *groups["lint"]],
        "requirements-build.lock": groups["compiler"],
    }.items():
        versions = _versions(CHECKOUT / "packaging" / lock, python, system)
        for requirement in map(Requirement, wanted):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), (
                    requirement
                )


@pytest.mark.parametrize("python", PYTHONS)
def test_that_users_and_developers_get_the_same_versions(python: str) -> None:
    users = _versions(CHECKOUT / "packaging" / "requirements.lock", python, "linux")
    developers = _versions(CHECKOUT / "packaging" / "requirements-dev.lock", python, "linux")
    assert users.items() <= developers.items()


def test_that_no_faulty_qt_is_locked_for_a_python_it_breaks() -> None:
    versions = _versions(CHECKOUT / "packaging" / "requirements.lock", "3.11", "linux")
    release = tuple(int(part) for part in versions["pyside6-essentials"].split("."))
    assert (6, 8, 3) <= release < (6, 12)
    assert release not in {(6, 9, 1), (6, 11, 0), (6, 11, 1)}
    assert versions["shiboken6"] == versions["pyside6-essentials"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.name))
def test_that_no_unwanted_package_comes_along(lock: Path) -> None:
    unwanted = UNWANTED | HEAVY if lock.name == "requirements.lock" else UNWANTED
    assert not unwanted & {canonicalize_name(requirement.name) for requirement in _locked(lock)}


@pytest.mark.parametrize("script", ["setup.sh", "run.sh", "test.sh", "lock.sh", "../.ci/run"])
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash checks its own scripts, and is not here")
def test_that_the_scripts_are_valid_bash(script: str) -> None:
    subprocess.run(["bash", "-n", CHECKOUT / "packaging" / script], check=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no permission to execute")
def test_that_the_continuous_integration_can_start_its_script() -> None:
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_that_the_desktop_entry_opens_dicom_files_and_folders() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(CHECKOUT / "packaging" / "linux" / "triptych.desktop", encoding="utf-8")
    entry = parser["Desktop Entry"]
    assert entry["Exec"].split() == ["triptych", "--", "%F"]
    assert {"application/dicom", "inode/directory"} <= {*entry["MimeType"].split(";")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """Build the wheel from a copy, so that a kernel in use by other tests is not replaced under them."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("viewer", "resources", "packaging"):
        shutil.copytree(
            CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "_kernel.*")
        )
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"):
        shutil.copy(CHECKOUT / name, copy)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    run = subprocess.run(build, cwd=copy, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return zipfile.Path(built)


def _names(wheel: zipfile.Path) -> set[str]:
    return {*wheel.root.namelist()}


def test_that_the_wheel_holds_every_resource_and_module(wheel: zipfile.Path) -> None:
    resources = {
        f"viewer/{path.relative_to(CHECKOUT).as_posix()}"
        for path in (CHECKOUT / "resources").rglob("*")
        if path.is_file()
    }
    modules = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "viewer").rglob("*.py")}
    assert resources
    assert resources | modules <= _names(wheel)


def test_that_the_wheel_holds_nothing_but_the_program(wheel: zipfile.Path) -> None:
    version = viewer.__version__
    tops = {name.split("/")[0] for name in _names(wheel)}
    assert tops == {"viewer", f"triptych_viewer-{version}.dist-info", f"triptych_viewer-{version}.data"}


def test_that_the_wheel_starts_the_program_and_carries_the_licence(wheel: zipfile.Path) -> None:
    info = f"triptych_viewer-{viewer.__version__}.dist-info"
    assert "triptych = viewer.cli:main" in (wheel / info / "entry_points.txt").read_text(encoding="utf-8")
    assert f"{info}/licenses/LICENSE" in _names(wheel)
    assert "License-Expression: MIT" in (wheel / info / "METADATA").read_text(encoding="utf-8")


def test_that_the_wheel_carries_the_kernel_where_there_is_a_compiler(wheel: zipfile.Path) -> None:
    own = any(shutil.which(compiler) for compiler in (os.environ.get("CC") or "cc", "gcc", "clang", "cl"))
    if not own and importlib.util.find_spec("ziglang") is None:
        pytest.skip("no C compiler here")
    assert [name for name in _names(wheel) if name.startswith("viewer/imaging/kernel/_kernel.")]


def test_that_a_build_without_a_compiler_asks_for_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = (
        "import importlib.util, sys; s = importlib.util.spec_from_file_location('hook', sys.argv[1]);"
        "m = importlib.util.module_from_spec(s); s.loader.exec_module(m);"
        "print(m.KernelBuildHook(sys.argv[2], {}, None, None, '', 'wheel').dependencies())"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    hook = CHECKOUT / "packaging" / "hatch_build.py"
    run = subprocess.run(
        [sys.executable, "-c", asked, hook, CHECKOUT], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "['ziglang']"
