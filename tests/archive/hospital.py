"""A small hospital for the tests of the archive: series of every kind that makes a difference, and other files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.uid import JPEGLSLossless

from tests.phantoms import ramp_affine, uid_of, write_pet, write_ramp, write_series
from viewer.archive.cluster import Cluster
from viewer.archive.convert import run
from viewer.archive.manifest import Task, scan, shard_files, tasks_of
from viewer.archive.outcome import Summary
from viewer.archive.reader import volumes_below

HERE = Cluster(workers=0)
SCOUT: dict[str, Any] = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}


def write_hospital(folder: Path) -> Path:
    """Six series that become volumes (one of them two), a scout, a dose page, and files that are none of it."""
    write_ramp(folder / "ct")
    write_ramp(folder / "tilted", "G5", uid_seed="tilted", transfer_syntax=JPEGLSLossless)
    write_ramp(folder / "uneven", "G11", uid_seed="uneven")
    write_pet(folder / "pet", SeriesInstanceUID=uid_of("pet"))
    write_colour(folder / "colour")
    write_echoes(folder / "echoes")
    write_ramp(folder / "scout", uid_seed="scout", SeriesInstanceUID=uid_of("scout"), **SCOUT)
    write_ramp(
        folder / "dose",
        uid_seed="dose",
        SeriesInstanceUID=uid_of("dose"),
        ImageType=["DERIVED", "SECONDARY", "OTHER", "DOSE_INFO"],
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
    )
    (folder / "readme.txt").write_text("no image", encoding="utf-8")
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x10\x00UI\x14\x00" + bytes(20))
    return folder


def write_colour(folder: Path) -> Path:
    """Three pictures in colour that form a volume."""
    colours = np.random.default_rng(5).integers(0, 256, (3, 9, 7, 3)).astype(np.uint8)
    return write_series(folder, colours, ramp_affine(), uid_seed="colour", modality="MR")


def write_echoes(folder: Path) -> Path:
    """Two echoes at the same places: two volumes of one series."""
    for n, echo in enumerate((10.0, 20.0)):
        write_series(
            folder / f"echo{n}",
            np.full((4, 6, 8), 100 * n, np.int16) + np.arange(4, dtype=np.int16)[:, None, None],
            ramp_affine(),
            modality="MR",
            uid_seed="echoes",
            EchoTime=echo,
            SOPInstanceUID=lambda k, n=n: uid_of("echo", n, k),
            SeriesInstanceUID=uid_of("echoes"),
        )
    return folder


def tasks_in(manifest: Path) -> list[Task]:
    return [task for shard in shard_files(manifest) for task in tasks_of(shard)]


def archive_of(source: Path, folder: Path, **options: Any) -> tuple[Path, Summary]:
    """Scan and convert a folder in this process; the archive and its summary."""
    manifest, archive = folder / "manifest", folder / "archive"
    scan([source], manifest)
    (summary,) = run(manifest, archive, HERE, **options)
    return archive, summary


def names_in(archive: Path) -> list[str]:
    return [str(path.relative_to(archive)) for path in volumes_below(archive)]


def copy_of(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target
