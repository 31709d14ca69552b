"""`triptych segment`: find structures in a series with a model, say how large they are, and write them down.

The JSON object (`--json`)
--------------------------
::

    {"model": str, "licence": str, "series_uid": str,
     "labels": [{"label": int, "name": str, "voxels": int, "volume_mm3": float}],
     "output": str}                          name of the file written, "" for none

Keys are never removed or renamed; new ones may be added.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.errors import EmptyStudyError, ExportError

if TYPE_CHECKING:
    from viewer.loading.events import GeometryReady
    from viewer.segmentation.labels import Labels

_NIFTI, _SEGMENTATION = (".nii", ".nii.gz"), ".dcm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", type=Path, help="folder, DICOM file, DICOMDIR, .zip or .nii")
    add(
        "--model", required=True, help="ONNX model with its card beside it, or an installed segmenter by name"
    )
    add(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="labels to write (.nii.gz, .nii), or a DICOM segmentation (.dcm)",
    )
    add("--overwrite", action="store_true", help="replace FILE when it is there")
    add("--series", metavar="UID", help="series to look at; default: the one that opens by itself")
    add("--unit", default="", help="of the values where the file names none (NIfTI), such as HU")
    add("--json", action="store_true", help="print one JSON object instead of a table")
    parser.epilog = (
        'Models need ONNX Runtime: pip install "triptych-viewer[seg]". A card is a small TOML file that says which\n'
        "slices and values a model expects; the README shows one.\n\n"
        "A model's answer is a suggestion. Not for diagnosis or treatment decisions.\n\n"
        "exit codes: 0 all well, 1 failed or nothing to look at, 2 wrong usage, 3 some slices could not be decoded"
    )


def run(arguments: argparse.Namespace) -> int:
    """Segment one series.

    Raises
    ------
    ViewerError
        There is nothing to look at, the model does not fit, or the file cannot be written.
    """
    from dataclasses import replace

    from viewer.cli import EXIT_OK, EXIT_PARTIAL
    from viewer.cli.progress import Progress
    from viewer.cli.reading import read, require
    from viewer.cli.render import choose
    from viewer.imaging.volume import Quantity
    from viewer.loading.cancel import CancelToken
    from viewer.segmentation.job import segment
    from viewer.segmentation.segmenters import segmenter

    finder = segmenter(arguments.model)
    reading = require(
        read(arguments.paths, lambda catalogue: choose(catalogue, arguments.series, fuse=False))
    )
    if not reading.opened:
        reasons = "; ".join(problem.reason for problem in reading.problems)
        raise EmptyStudyError(reasons or "There is no series that could be looked at.")
    opened = reading.opened[0]
    volume = opened.volume
    if arguments.unit and not volume.quantity.unit:
        volume = replace(volume, quantity=Quantity(arguments.unit))
    finder.check(volume)
    if arguments.output is not None:
        _check_output(arguments.output, opened, overwrite=arguments.overwrite)
    with Progress() as progress:
        labels = segment(
            volume,
            arguments.model,
            tell=lambda done, total: progress.show("finding structures", done, total),
            cancel=CancelToken(),
        )
    if arguments.output is not None:
        _write(arguments.output, labels, opened)
    _tell(labels, opened, arguments)
    return EXIT_PARTIAL if volume.corrupt.any() else EXIT_OK


def _check_output(path: Path, opened: GeometryReady, *, overwrite: bool) -> None:
    """Refuse before the work what would be refused after it."""
    from viewer.dicom.seg_writer import require_writer
    from viewer.dicom.structure_writing import NO_IMAGES

    if not path.name.lower().endswith((*_NIFTI, _SEGMENTATION)):
        raise ExportError(f"{path.name}: labels are written as {', '.join(_NIFTI)} or {_SEGMENTATION}.")
    if path.exists() and not overwrite:
        raise ExportError(f"{path.name} is already there. Choose another name, or say --overwrite.")
    if path.name.lower().endswith(_SEGMENTATION):
        require_writer()
        if opened.stack.source is not None:
            raise ExportError(NO_IMAGES)
    elif not opened.volume.geometry.uniform:
        raise ExportError(
            "The slices of this series are not equidistant, which NIfTI cannot say. Leave --output out to get the "
            "volumes alone."
        )


def _write(path: Path, labels: Labels, opened: GeometryReady) -> None:
    """Write the labels in the form that the name asks for."""
    geometry = opened.volume.geometry
    if not path.name.lower().endswith(_SEGMENTATION):
        from viewer.formats.nifti_writer import write_nifti

        write_nifti(path, labels.array, geometry, labels=True)
        return
    from viewer.dicom.seg_writer import write_segmentation
    from viewer.dicom.structure_facts import PALETTE, SegmentIdentity
    from viewer.dicom.structure_writing import SavedStructure
    from viewer.imaging.labelmap import masks_of_labels

    made = SegmentIdentity(algorithm_type="AUTOMATIC", algorithm=labels.model)
    structures = [
        SavedStructure(
            labels.names.get(label, "") or f"Label {label}", PALETTE[(label - 1) % len(PALETTE)], mask, made
        )
        for label, mask in masks_of_labels(labels.array, geometry).items()
    ]
    if not structures:
        raise ExportError(
            "The model found nothing, and a segmentation without a voxel is none; nothing was written."
        )
    write_segmentation(path, structures, opened.stack)


def _tell(labels: Labels, opened: GeometryReady, arguments: argparse.Namespace) -> None:
    from viewer.segmentation.labels import volumes_mm3

    found = volumes_mm3(labels, opened.volume.geometry)
    name = "" if arguments.output is None else arguments.output.name
    if arguments.json:
        rows = [
            {"label": label, "name": labels.names.get(label, ""), "voxels": voxels, "volume_mm3": mm3}
            for label, (voxels, mm3) in found.items()
        ]
        uid = opened.series.uid
        whole = {
            "model": labels.model,
            "licence": labels.licence,
            "series_uid": uid,
            "labels": rows,
            "output": name,
        }
        print(json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False))
        return
    print(f"{labels.model}  (licence of the model: {labels.licence})")
    for label, (voxels, mm3) in found.items():
        print(
            f"  {label:5}  {labels.names.get(label, ''):24}  {voxels:10} voxels  {mm3:12.0f} mm3  {mm3 / 1000:9.2f} mL"
        )
    if name:
        print(f"written to {name}")
