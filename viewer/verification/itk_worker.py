"""Child process: read a folder of DICOM files with SimpleITK and write down what it says.

A process of its own, because a crash on damaged data must not take the viewer along, and because ITK writes file
names to the terminal. Nothing of the viewer is used to read.

    python -m viewer.verification.itk_worker FOLDER RESULT_FOLDER

writes `values.npy`, (n, rows, columns) float32 after SimpleITK's rescale, and `reading.json`::

    {"slices": [[file, frame], ...],        which frame of which file each slice is, in SimpleITK's order
     "planes": [[origin, along, down]...],  per slice: LPS centre of its first voxel and the steps to the next column
                                            and row, from reading that file alone; mm
     "grid": {"origin", "step_i", "step_j", "step_k"},  of the series as SimpleITK hands it out; mm
     "colour": bool}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(folder: Path, result: Path) -> None:
    """Read `folder`, write `result`.

    Raises
    ------
    RuntimeError
        SimpleITK cannot read the files.
    """
    import SimpleITK as sitk  # noqa: N813 - its own name

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    names = sorted(str(path) for path in folder.iterdir())
    reader = sitk.ImageSeriesReader()
    single = _header(sitk, names[0]).GetSize()[2:] in ((), (1,))
    if single and len(names) > 1:
        ordered = list(reader.GetGDCMSeriesFileNames(str(folder)))
        reader.SetFileNames(ordered)
        reader.SetOutputPixelType(sitk.sitkFloat32)
        image = reader.Execute()
        slices = [[names.index(name), 0] for name in ordered]
        planes = [_planes(_header(sitk, name), 1)[0] for name in ordered]
        values = sitk.GetArrayFromImage(image)
        grid = _grid(image)
        colour = image.GetNumberOfComponentsPerPixel() > 1
    else:
        slices, planes, parts = [], [], []
        grid, colour = {}, False
        for n, name in enumerate(names):
            image = sitk.ReadImage(name)
            colour = colour or image.GetNumberOfComponentsPerPixel() > 1
            array = sitk.GetArrayFromImage(image)
            frames = array.shape[0] if array.ndim > 2 else 1
            slices += [[n, frame] for frame in range(frames)]
            planes += _planes(image, frames)
            grid = grid or _grid(image)
            parts.append(array.reshape(frames, *array.shape[-2:]) if not colour else array)
        values = np.concatenate(parts).astype(np.float32) if not colour else np.zeros((0, 0, 0), np.float32)
    if colour:
        values = np.zeros((0, 0, 0), np.float32)
    np.save(result / "values.npy", values)
    reading = {"slices": slices, "planes": planes, "grid": grid, "colour": colour}
    (result / "reading.json").write_text(json.dumps(reading), encoding="utf-8")


def _header(sitk: Any, name: str) -> Any:
    """A file's geometry without its pixels."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(name)
    reader.ReadImageInformation()
    return reader


def _steps(image: Any) -> tuple[np.ndarray[Any, Any], list[np.ndarray[Any, Any]]]:
    """Origin and the three steps, LPS mm."""
    dimension = image.GetDimension()
    directions = np.array(image.GetDirection()).reshape(dimension, dimension)
    spacing = np.array(image.GetSpacing())
    origin = np.array(image.GetOrigin())[:3]
    return origin, [directions[:3, n] * spacing[n] for n in range(3)]


def _planes(image: Any, frames: int) -> list[list[list[float]]]:
    origin, (along, down, across) = _steps(image)
    return [[(origin + n * across).tolist(), along.tolist(), down.tolist()] for n in range(frames)]


def _grid(image: Any) -> dict[str, list[float]]:
    origin, (along, down, across) = _steps(image)
    return {
        "origin": origin.tolist(),
        "step_i": along.tolist(),
        "step_j": down.tolist(),
        "step_k": across.tolist(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
