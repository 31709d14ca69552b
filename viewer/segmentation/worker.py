"""Child process: find labels in a volume that lies in a folder, and put them there.

    python -m viewer.segmentation.worker FOLDER

reads `job.json` and `values.npy` (by memory map), writes `labels.npy`, and says how it goes in JSON lines on the
standard output: `{"done": 3, "total": 120}`, then `{"names": {"1": "spleen"}, "model": ..., "licence": ...}` or
`{"error": "a sentence"}`. The folder is private and removed by the parent, however this ends.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from viewer.errors import ViewerError
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Quantity, Volume
from viewer.segmentation.segmenters import segmenter


def described(volume: Volume, model: str) -> dict[str, Any]:
    """What `job.json` holds about a volume: nothing about the patient."""
    geometry = volume.geometry
    return {
        "model": model,
        "affine": geometry.patient_from_index.tolist(),
        "offsets": None if geometry.slice_offsets is None else geometry.slice_offsets.tolist(),
        "gaps": list(geometry.gaps),
        "oriented": geometry.oriented,
        "calibrated": geometry.calibrated,
        "unit": volume.quantity.unit,
        "modality": volume.modality,
        "slope": volume.slope,
        "intercept": volume.intercept,
        "padding": volume.padding,
        "corrupt": np.flatnonzero(volume.corrupt).tolist(),
    }


def rebuilt(job: dict[str, Any], values: np.ndarray[Any, Any]) -> Volume:
    """The volume of a job."""
    shape = (int(values.shape[-3]), int(values.shape[-2]), int(values.shape[-1]))
    corrupt = np.zeros(shape[0], bool)
    corrupt[job["corrupt"]] = True
    return Volume(
        uid="job",
        array=values,
        geometry=VolumeGeometry(
            shape,
            np.array(job["affine"]),
            slice_offsets=None if job["offsets"] is None else np.array(job["offsets"]),
            gaps=tuple(job["gaps"]),
            oriented=job["oriented"],
            calibrated=job["calibrated"],
        ),
        quantity=Quantity(job["unit"]),
        modality=job["modality"],
        slope=job["slope"],
        intercept=job["intercept"],
        padding=None if job["padding"] is None else (job["padding"][0], job["padding"][1]),
        corrupt=corrupt,
    )


def main(folder: Path) -> None:
    """Do the job of a folder."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    volume = rebuilt(job, np.load(folder / "values.npy", mmap_mode="r"))
    try:
        labels = segmenter(job["model"]).run(volume, lambda done, total: _say(done=done, total=total))
        _check(labels.array, volume)
    except ViewerError as error:
        _say(error=error.user_message)
        return
    np.save(folder / "labels.npy", np.ascontiguousarray(labels.array))
    _say(names={str(k): v for k, v in labels.names.items()}, model=labels.model, licence=labels.licence)


def _check(array: np.ndarray[Any, Any], volume: Volume) -> None:
    if array.shape != volume.geometry.shape or array.dtype not in (np.uint8, np.uint16):
        raise ViewerError(
            "The segmenter answered with labels of another shape or type than uint8 or uint16 on the grid of the "
            "volume; nothing of it was used."
        )


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
