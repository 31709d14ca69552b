"""The elements that the files of a series have in common, as DICOM JSON (PS3.18 F)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.slow_header import open_dataset
from viewer.errors import ViewerError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAX_BYTES = 4096
"""Longest binary value that is kept."""

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_FRAME_GROUPS = 0x52009230


def common_tags(paths: Sequence[Path]) -> dict[str, Any]:
    """Elements that are equal in all of some files, without pixel data and large binary values.

    Parameters
    ----------
    paths
        Files of one series, as many as are to be compared.

    Returns
    -------
    dict
        DICOM JSON; empty when no file can be read.
    """
    common: dict[str, Any] | None = None
    for path in paths:
        try:
            tags = _tags(path)
        except (ViewerError, OSError):
            continue
        common = tags if common is None else {k: v for k, v in common.items() if tags.get(k) == v}
    return common or {}


def _tags(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        dataset, _, _ = open_dataset(stream, path.stat().st_size)
    with careful_pydicom():
        _strip(dataset)
        return dict(dataset.to_json_dict(suppress_invalid_tags=True))


def _strip(dataset: Dataset) -> None:
    """Take out what is large or says the same of every frame."""
    for element in list(dataset.elements()):
        large = element.VR in _BINARY and element.value is not None and len(element.value) > MAX_BYTES
        if large or element.tag == _FRAME_GROUPS or element.tag.group == 0x7FE0:
            del dataset[element.tag]
