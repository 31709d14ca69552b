"""The surface of a structure as triangles, its files (STL, OBJ), and a picture of it. Needs VTK, the extra `surface`.

Triangles are in LPS millimetres, as everything here; each file says so, because many programs expect another space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.atomic import write_bytes
from viewer.errors import ExportError, ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.imaging.labelmap import Mask

NO_VTK = "Surfaces need VTK, which is not installed: pip install 'triptych-viewer[surface]'."
ENDINGS = (".stl", ".obj")
_PASS_BAND = 0.05
_ITERATIONS = 20
_BACKGROUND = (0.02, 0.02, 0.02)
Colour = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface.

    Parameters
    ----------
    name, colour
        Of the structure.
    points_mm
        (n, 3) LPS.
    triangles
        (m, 3) numbers of points, counter-clockwise seen from outside.
    """

    name: str
    colour: Colour
    points_mm: FloatArray
    triangles: npt.NDArray[np.int64]

    @property
    def volume_mm3(self) -> float:
        """Enclosed volume (divergence theorem)."""
        a, b, c = (self.points_mm[self.triangles[:, n]] for n in range(3))
        return float((a * np.cross(b, c)).sum() / 6)


def surface_of(mask: Mask, name: str, colour: Colour, *, smooth: bool = True) -> Surface:
    """The surface of a structure of voxels.

    Parameters
    ----------
    mask
        Its voxels.
    name, colour
        Kept.
    smooth
        Take the steps of the voxels away (windowed sinc, Taubin 1996), which hardly changes the volume.

    Raises
    ------
    ViewerError
        VTK is missing, or the structure is empty.
    """
    if not mask.voxels:
        raise ViewerError(f"{name} has no voxel, so it has no surface.")
    try:
        from vtkmodules.vtkCommonDataModel import vtkImageData
        from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkWindowedSincPolyDataFilter
    except ImportError as error:
        raise ViewerError(NO_VTK) from error
    # A frame of nothing closes the surface at the border of the block.
    block = np.pad(mask.cropped().block, 1).astype(np.uint8)
    corner = np.array(mask.cropped().corner) - 1
    image = vtkImageData()
    image.SetDimensions(*block.shape[::-1])
    image.GetPointData().SetScalars(_arrays().numpy_to_vtk(block.ravel(), deep=True))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.5)
    edges.ComputeNormalsOff()
    edges.ComputeGradientsOff()
    edges.ComputeScalarsOff()
    last: Any = edges
    if smooth:
        last = vtkWindowedSincPolyDataFilter()
        last.SetInputConnection(edges.GetOutputPort())
        last.SetNumberOfIterations(_ITERATIONS)
        last.SetPassBand(_PASS_BAND)
        last.NormalizeCoordinatesOn()
        last.BoundarySmoothingOff()
    last.Update()
    found = last.GetOutput()
    ijk = _arrays().vtk_to_numpy(found.GetPoints().GetData()).astype(np.float64)
    triangles = (
        _arrays().vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    )
    points = mask.geometry.to_patient(ijk[:, ::-1] + corner)
    surface = Surface(name, colour, points, triangles)
    # A grid that is mirrored turns the triangles inside out.
    return surface if surface.volume_mm3 > 0 else Surface(name, colour, points, triangles[:, ::-1])


def write_surface(target: Path, surfaces: Sequence[Surface]) -> None:
    """Write surfaces as binary STL, or as OBJ with an object each.

    Raises
    ------
    ExportError
        The name has another ending, there is nothing to write, or the file cannot be written.
    """
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise ExportError(f"Surfaces are written as {' or '.join(ENDINGS)}. Nothing was written.")
    if not surfaces:
        raise ExportError("There is no surface to write.")
    write_bytes(target, _stl(surfaces) if ending == ".stl" else _obj(surfaces))


def _stl(surfaces: Sequence[Surface]) -> bytes:
    corners = np.concatenate([surface.points_mm[surface.triangles] for surface in surfaces])
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows = np.zeros(len(corners), record)
    rows["normal"] = normals / np.where(lengths == 0, 1, lengths)
    rows["corners"] = corners
    head = b"SPACE=LPS; unit mm".ljust(80)
    return head + len(rows).to_bytes(4, "little") + rows.tobytes()


def _obj(surfaces: Sequence[Surface]) -> bytes:
    lines = ["# SPACE=LPS; unit mm"]
    first = 1
    for surface in surfaces:
        name = "".join(c if c.isalnum() or c in "._-" else "_" for c in surface.name)
        lines.append(f"o {name or 'structure'}")
        lines += [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in surface.points_mm.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in (surface.triangles + first).tolist()]
        first += len(surface.points_mm)
    return ("\n".join(lines) + "\n").encode("utf-8")


def _arrays() -> Any:
    """VTK's bridge to numpy, which has no types."""
    from vtkmodules.util import numpy_support

    return numpy_support


class SurfaceView:
    """Pictures of surfaces from any side, drawn off the screen.

    Parameters
    ----------
    surfaces
        At least one.

    Raises
    ------
    ViewerError
        VTK is missing.
    """

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        try:
            import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 - registers how things are drawn
            from vtkmodules.vtkCommonCore import vtkLogger
            from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
        except ImportError as error:
            raise ViewerError(NO_VTK) from error
        # It tries one graphics system after the other, and complains about each that is not there.
        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(*_BACKGROUND)
        self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.AddRenderer(self._renderer)
        for surface in surfaces:
            self._renderer.AddActor(_actor(surface))
        points = np.concatenate([surface.points_mm for surface in surfaces])
        self._centre = (points.min(axis=0) + points.max(axis=0)) / 2
        self._radius = max(1.0, float(np.linalg.norm(points - self._centre, axis=1).max()))

    def picture(
        self, width: int, height: int, right: FloatArray, down: FloatArray, zoom: float = 1.0
    ) -> npt.NDArray[np.uint8]:
        """Parallel projection.

        Parameters
        ----------
        width, height
            Pixels.
        right, down
            Unit LPS vectors of the picture.
        zoom
            1 shows everything.

        Returns
        -------
        ndarray
            (height, width, 3) uint8 RGB.
        """
        from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

        into = np.cross(right, down)
        camera = self._renderer.GetActiveCamera()
        camera.ParallelProjectionOn()
        camera.SetFocalPoint(*self._centre)
        camera.SetPosition(*(self._centre - into * 4 * self._radius))
        camera.SetViewUp(*(-down))
        camera.SetParallelScale(self._radius * max(1.0, height / max(width, 1)) / zoom)
        self._renderer.ResetCameraClippingRange()
        self._window.SetSize(width, height)
        self._window.Render()
        grab = vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.ReadFrontBufferOff()
        grab.Update()
        pixels = _arrays().vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars())
        return np.ascontiguousarray(pixels.reshape(height, width, -1)[::-1, :, :3])

    def close(self) -> None:
        """Give the graphics memory back."""
        self._window.Finalize()


def _actor(surface: Surface) -> Any:
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    points, cells, data = vtkPoints(), vtkCellArray(), vtkPolyData()
    points.SetData(_arrays().numpy_to_vtk(surface.points_mm.astype(np.float32), deep=True))
    count = len(surface.triangles)
    cells.SetData(
        _arrays().numpy_to_vtkIdTypeArray(np.arange(0, 3 * count + 1, 3, dtype=np.int64), deep=True),
        _arrays().numpy_to_vtkIdTypeArray(surface.triangles.ravel(), deep=True),
    )
    data.SetPoints(points)
    data.SetPolys(cells)
    normals = vtkPolyDataNormals()
    normals.SetInputData(data)
    normals.SplittingOff()
    mapper, actor = vtkPolyDataMapper(), vtkActor()
    mapper.SetInputConnection(normals.GetOutputPort())
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetColor(*(part / 255 for part in surface.colour))
    look.SetAmbient(0.15)
    look.SetDiffuse(0.8)
    look.SetSpecular(0.15)
    return actor
