"""Image and label files on disk: which belong together, which patient they are of, and what they hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.dicom.build import fill_slice, make_volume
from viewer.errors import DecodeError, FormatError
from viewer.formats.nifti import FORMAT as NIFTI
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Quantity, Volume
from viewer.segmentation.grid import LabelArray, onto

_ENDING = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
_CHANNEL = re.compile(r"_0000$")
_LABEL_WORD = re.compile(r"[-_. ](seg|segmentation|labels?|mask)$", re.IGNORECASE)
_MAX_LABEL = 65535


@dataclass(frozen=True)
class Case:
    """An image with its labels.

    Parameters
    ----------
    name
        File name of the image without its endings.
    patient
        Cases of one patient are never on both sides of a split.
    image, labels
        The files.
    """

    name: str
    patient: str
    image: Path
    labels: Path


@dataclass(frozen=True)
class Split:
    """Cases to learn from, to choose the best epoch by, and to judge the result by; no patient is in two of them."""

    training: tuple[Case, ...]
    validation: tuple[Case, ...]
    held_back: tuple[Case, ...]


class _Never:
    """Nobody cancels a file that is read at the command line; Ctrl+C ends the program."""

    def check(self) -> None:
        """Go on."""


def find_cases(images: Path, labels: Path, patient: str = "") -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Pair the NIfTI files of two folders by name.

    "spleen_12.nii.gz" and "spleen_12_0000.nii.gz" go with labels named "spleen_12", "spleen_12_seg", "spleen_12-label"
    and the like.

    Parameters
    ----------
    images, labels
        The folders.
    patient
        Regular expression whose first group, found in a name, is the patient; empty when each file is a patient.

    Returns
    -------
    cases : tuple of Case
        By name.
    alone : tuple of str
        Names of images without labels and of labels without an image.

    Raises
    ------
    FormatError
        There is no pair, two files have one name, or the expression does not fit.
    """
    pattern = _pattern(patient)
    found = _by_name(images, _CHANNEL)
    wanted = _by_name(labels, _LABEL_WORD)
    cases = [
        Case(name, _patient(pattern, name), found[name], wanted[name])
        for name in sorted({*found} & {*wanted})
    ]
    if not cases:
        raise FormatError(
            f"{images.name} holds {len(found)} and {labels.name} holds {len(wanted)} NIfTI files, and no image has "
            "labels of its own name."
        )
    return tuple(cases), tuple(sorted({*found} ^ {*wanted}))


def _by_name(folder: Path, extra: re.Pattern[str]) -> dict[str, Path]:
    try:
        # Archives made on a Mac carry a second, hidden file beside each.
        files = sorted(p for p in folder.iterdir() if _ENDING.search(p.name) and not p.name.startswith("."))
    except OSError as error:
        raise FormatError(f"{folder.name} cannot be read ({error.strerror or 'system error'}).") from error
    named: dict[str, Path] = {}
    for path in files:
        name = extra.sub("", _ENDING.sub("", path.name))
        if name in named:
            raise FormatError(
                f"{folder.name} holds two files for {name}: {named[name].name} and {path.name}."
            )
        named[name] = path
    return named


def _pattern(text: str) -> re.Pattern[str] | None:
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise FormatError(f'"{text}" is not a regular expression: {error}.') from error
    if not pattern.groups:
        raise FormatError(f'"{text}" has no group; put the part that names the patient in parentheses.')
    return pattern


def _patient(pattern: re.Pattern[str] | None, name: str) -> str:
    if pattern is None:
        return name
    found = pattern.search(name)
    if found is None or not found[1]:
        raise FormatError(f'"{pattern.pattern}" finds no patient in the file name {name}.')
    return found[1]


def split(cases: Sequence[Case], held_back: float, validation: float, seed: int) -> Split:
    """Divide cases by patient; the same cases and seed always give the same parts.

    Parameters
    ----------
    cases
        Of at least two patients.
    held_back, validation
        Shares of the patients, at least one held back; validation is left out when it would leave less than two.
    seed
        Another number gives another division.

    Raises
    ------
    FormatError
        There is only one patient.
    """
    patients = sorted({case.patient for case in cases}, key=lambda name: _place(name, seed))
    if len(patients) < 2:
        raise FormatError(
            "All cases are of one patient; one to learn from and another to judge by are needed."
        )
    last = min(max(1, round(len(patients) * held_back)), len(patients) - 1)
    middle = round(len(patients) * validation)
    if len(patients) - last - middle < 2:
        middle = 0
    group = {name: 2 if n < last else 1 if n < last + middle else 0 for n, name in enumerate(patients)}
    parts = [tuple(case for case in cases if group[case.patient] == n) for n in range(3)]
    return Split(parts[0], parts[1], parts[2])


def _place(patient: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{patient}".encode()).hexdigest()


# --- Files -------------------------------------------------------------------------------------------------------


def read_volume(path: Path, unit: str = "") -> Volume:
    """Read a whole NIfTI volume.

    Parameters
    ----------
    path
        The file.
    unit
        Of its values when the file names none.

    Raises
    ------
    FormatError
        It cannot be read, is cut short or damaged, or holds several volumes.
    """
    if not path.is_file():
        raise FormatError(f"{path.name} is not there.")
    try:
        found = NIFTI.read(path, path.name, _Never())
    except FormatError as error:
        raise FormatError(f"{path.name}: {error.user_message}") from error
    if found is None or len(found.study.series[0].stacks) != 1:
        raise FormatError(f"{path.name} does not hold one volume.")
    (stack,) = found.study.series[0].stacks
    volume = make_volume(stack)
    try:
        for k in range(volume.geometry.shape[0]):
            fill_slice(volume, stack, k)
    except DecodeError as error:
        raise FormatError(f"{path.name}: {error.user_message}") from error
    return volume if volume.quantity.unit else replace(volume, quantity=Quantity(unit))


def read_case(case: Case, unit: str = "") -> tuple[Volume, LabelArray]:
    """Read an image and its labels.

    Returns
    -------
    image : Volume
    labels : ndarray
        (k, j, i) on the grid of the image; labels on another grid are brought there by the nearest voxel (rule I12).

    Raises
    ------
    FormatError
        One of the files cannot be used.
    """
    image, labels = read_volume(case.image, unit), read_volume(case.labels)
    values = labels.physical(labels.array)
    if not np.isfinite(values).all() or np.any(values != np.rint(values)):
        raise FormatError(f"{case.labels.name} holds values that are no whole numbers; these are no labels.")
    if values.min() < 0 or values.max() > _MAX_LABEL:
        raise FormatError(f"{case.labels.name} holds labels outside 0 to {_MAX_LABEL}.")
    array: LabelArray = values.astype(np.uint8 if values.max() < 256 else np.uint16)
    if not _same_order(image.geometry, labels.geometry):
        brought = onto(array, labels.geometry, image.geometry)
        if array.any() and not brought.any():
            raise FormatError(
                f"{case.labels.name} lies outside {case.image.name}; they do not belong together."
            )
        array = brought
    return image, array


def _same_order(one: VolumeGeometry, other: VolumeGeometry) -> bool:
    """Whether two grids hold the same positions in the same order, up to the rounding of single precision."""
    return one.shape == other.shape and np.allclose(
        one.patient_from_index, other.patient_from_index, rtol=0, atol=1e-2
    )


def check_labels(case: Case, array: LabelArray, names: Mapping[int, str]) -> None:
    """Raise FormatError when a file has labels that nobody named: counting them as background would be wrong."""
    unknown = sorted({int(label) for label in np.unique(array)} - {0, *names})
    if unknown:
        raise FormatError(
            f"{case.labels.name} holds the label {unknown[0]}, which has no name. Name every label, for example "
            f'--label {unknown[0]}="something".'
        )


def slices_to_learn(labels: npt.NDArray[np.unsignedinteger]) -> Iterator[int]:
    """Slices (first axis) with labels, and as many without, evenly spread."""
    there = labels.reshape(len(labels), -1).any(axis=1)
    chosen = set(np.flatnonzero(there).tolist())
    others = np.flatnonzero(~there)
    if len(others):
        chosen |= set(others[np.linspace(0, len(others) - 1, max(1, len(chosen))).astype(int)].tolist())
    yield from sorted(chosen)
