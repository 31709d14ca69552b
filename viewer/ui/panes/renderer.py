"""From scenes to pixels: keeps the sampled values of each pane and redoes only the stage that changed.

Stage one samples each layer on the pane's plane, stage two windows, colours and blends into the memory of a QImage.
A window drag repeats stage two only; moving the crosshair inside a plane repeats neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

from viewer.imaging.combine import combine
from viewer.imaging.compose import ComposeRequest, LayerPicture
from viewer.imaging.near_columns import NearColumns
from viewer.imaging.picture import PictureRequest, make_pictures
from viewer.imaging.plane import Plane
from viewer.imaging.sample import SampleRequest, slab_samples, stand_in
from viewer.state.combining import Combined
from viewer.state.layers import Role
from viewer.state.panes import PlaneKind
from viewer.state.resolve import LayerRequest, PaneScene, PictureScale
from viewer.ui.panes.disk_reader import DiskReader, Reading

Float32 = npt.NDArray[np.float32]

TRUE_COLOUR = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
TRUE_COLOUR[:, 3] = 255

_NEAR = NearColumns()


@dataclass
class _Layer:
    """Sampled values of one layer, (channels, h, w)."""

    key: tuple[object, ...]
    values: Float32


@dataclass
class Picture:
    """The picture of one pane and what it was made from.

    Parameters
    ----------
    pixels
        (h, w) uint32 0xFFRRGGBB.
    image
        QImage over the memory of `pixels`.
    """

    pixels: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros((0, 0), np.uint32))
    image: QImage = field(default_factory=QImage)
    _second: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros((0, 0), np.uint32))
    _layers: dict[Role, _Layer] = field(default_factory=dict)
    _readings: dict[Role, Reading] = field(default_factory=dict)
    _colour_key: tuple[object, ...] = ()

    def resize(self, width: int, height: int) -> None:
        """Have memory for a picture of this size."""
        if self.pixels.shape != (height, width):
            self.pixels = np.zeros((height, width), np.uint32)
            self.image = QImage(self.pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
            self.forget()

    @property
    def reading(self) -> bool:
        """Whether coarser copies are shown until planes have been read from the disk."""
        return bool(self._readings)

    def forget(self) -> None:
        """Make everything anew next time."""
        self._layers.clear()
        for role in tuple(self._readings):
            self._drop_reading(role)
        self._colour_key = ()

    def _drop_reading(self, role: Role) -> None:
        reading = self._readings.pop(role, None)
        if reading is not None:
            reading.dropped = True


def render(
    jobs: Iterable[tuple[PaneScene, Picture]],
    scale: PictureScale = PictureScale.FULL,
    disk: DiskReader | None = None,
) -> None:
    """Bring pictures up to date, both stages of all panes in one call over all cores.

    Parameters
    ----------
    jobs
        Scenes with the pictures they go to.
    scale
        Half resolution for frames that would come too late while the hand moves.
    disk
        Reads volumes on the disk without a wait: their coarser copy is shown until it tells that they are there.
        None waits for the disk, however long that takes.
    """
    jobs = tuple(jobs)
    requests = []
    combined: list[tuple[Combined, PaneScene, Picture]] = []
    planes = [picture_plane(scene, scale) for scene, _ in jobs]
    for (_, picture), plane in zip(jobs, planes, strict=True):
        picture.resize(plane.width, plane.height)
    if disk is not None:
        _read_from_disk(jobs, planes, disk)
    for (scene, picture), plane in zip(jobs, planes, strict=True):
        samples = _stale(scene, picture, plane, coarse=disk is not None)
        key = _picture_key(scene)
        if samples or key != picture._colour_key or not scene.layers:  # noqa: SLF001 - the cache is this module's
            requests.append(PictureRequest(tuple(samples), _colours(scene, picture)))
            if scene.combined is not None:
                combined.append((scene.combined, scene, picture))
            picture._colour_key = key  # noqa: SLF001
    if not requests:
        return
    try:
        make_pictures(requests, _NEAR)
        _combine(combined, scale)
    except (MemoryError, ValueError):
        # Half a picture under the key of a whole one would be taken for it.
        for _, picture in jobs:
            picture.forget()
        raise


def frame_work(jobs: Iterable[tuple[PaneScene, Picture]], scale: PictureScale = PictureScale.FULL) -> int:
    """How many values `render` would take from volumes, plus one for each pixel it would colour."""
    work = 0
    for scene, picture in jobs:
        plane = picture_plane(scene, scale)
        stale = [layer for layer in scene.layers if not _is_held(layer, picture, plane)]
        depths = [slab_samples(layer.volume.geometry, plane, layer.slab)[0] for layer in stale if layer.slab]
        thin = len(stale) - len(depths)
        recoloured = bool(stale) or _picture_key(scene) != picture._colour_key  # noqa: SLF001
        work += plane.width * plane.height * (sum(depths) + thin + recoloured)
    return work


def picture_plane(scene: PaneScene, scale: PictureScale) -> Plane:
    """The plane that is sampled: the pane's own, or a coarser one of the same extent.

    A projection through the whole body is sampled at the volume's own pitch: finer pixels would cost time and show
    nothing more.
    """
    plane = scene.plane
    factor = scale.value
    if scene.pane.kind is PlaneKind.MIP and scene.layers:
        pitch = min(scene.layers[0].volume.geometry.spacing_mm)
        factor *= max(1, min(8, int(pitch / plane.mm_per_pixel)))
    if factor <= 1:
        return plane
    width, height = -(-plane.width // factor), -(-plane.height // factor)
    origin = plane.at((factor - 1) / 2, (factor - 1) / 2)
    return Plane(origin, plane.u_mm * factor, plane.v_mm * factor, width, height)


def _picture_key(scene: PaneScene) -> tuple[object, ...]:
    return (scene.combined, *((layer.sample_key, layer.colour_key) for layer in scene.layers))


def _values_key(layer: LayerRequest, plane: Plane) -> tuple[object, ...]:
    return (*layer.sample_key, plane.width, plane.height)


def _is_held(layer: LayerRequest, picture: Picture, plane: Plane) -> bool:
    found = picture._layers.get(layer.role)  # noqa: SLF001
    return found is not None and found.key == _values_key(layer, plane)


def _read_from_disk(
    jobs: Iterable[tuple[PaneScene, Picture]], planes: Iterable[Plane], disk: DiskReader
) -> None:
    """Put in place what arrives from the disk within this frame."""
    asked: list[tuple[Picture, Role, Reading]] = []
    for (scene, picture), plane in zip(jobs, planes, strict=True):
        readings = picture._readings  # noqa: SLF001
        for layer in scene.layers:
            key = _values_key(layer, plane)
            reading = readings.get(layer.role)
            if (
                _is_held(layer, picture, plane)
                or not layer.volume.on_disk
                or stand_in(layer.volume, plane, layer.slab) is not None
            ):
                picture._drop_reading(layer.role)  # noqa: SLF001
                continue
            if reading is None or reading.key != key:
                picture._drop_reading(layer.role)  # noqa: SLF001
                reading = readings[layer.role] = disk.read(key, layer, plane)
            asked.append((picture, layer.role, reading))
    if not asked:
        return
    disk.wait([reading for _, _, reading in asked])
    for picture, role, reading in asked:
        if not reading.done:
            continue
        picture._drop_reading(role)  # noqa: SLF001
        if reading.error is not None:
            raise reading.error
        picture._layers[role] = _Layer(reading.key, reading.values)  # noqa: SLF001
        picture._colour_key = ()  # noqa: SLF001 - what is coloured are the values of the copy


def _stale(scene: PaneScene, picture: Picture, plane: Plane, *, coarse: bool) -> list[SampleRequest]:
    """What must be sampled anew, with memory for it; `coarse` copies stand for volumes on the disk."""
    requests = []
    held = picture._layers  # noqa: SLF001
    for role in set(held) - {layer.role for layer in scene.layers}:
        del held[role]
        picture._drop_reading(role)  # noqa: SLF001
    for layer in scene.layers:
        if _is_held(layer, picture, plane):
            continue
        shape = (3 if layer.volume.is_colour else 1, plane.height, plane.width)
        found = held.get(layer.role)
        if found is None or found.values.shape != shape:
            found = held[layer.role] = _Layer((), np.empty(shape, np.float32))
        found.key = _values_key(layer, plane)
        volume, key = layer.volume, None if layer.volume.on_disk else layer.values_key
        level = stand_in(volume, plane, layer.slab)
        if level is not None:
            key = None
        elif coarse and volume.coarse is not None:
            volume, found.key = volume.coarse, ()  # until the disk has answered
        requests += [
            SampleRequest(volume, plane, values, layer.interpolation, layer.slab, channel, key, level)
            for channel, values in enumerate(found.values)
        ]
    return requests


def _colours(scene: PaneScene, picture: Picture) -> ComposeRequest:
    layers = scene.layers if scene.combined is None else scene.layers[:1]
    return ComposeRequest(
        tuple(_layer_picture(layer, picture._layers[layer.role].values) for layer in layers),  # noqa: SLF001
        picture.pixels,
    )


def _combine(asked: Iterable[tuple[Combined, PaneScene, Picture]], scale: PictureScale) -> None:
    """Bring the overlays of panes that do not blend into the pictures of their bases."""
    for how, scene, picture in asked:
        layer = scene.layers[-1]
        second = picture._second  # noqa: SLF001
        if second.shape != picture.pixels.shape:
            second = picture._second = np.zeros_like(picture.pixels)  # noqa: SLF001
        values = picture._layers[layer.role].values  # noqa: SLF001
        make_pictures([PictureRequest((), ComposeRequest((_layer_picture(layer, values),), second))])
        tile, edge = max(1, how.tile // scale.value), how.edge // scale.value
        combine(picture.pixels, second, how.how, tile=tile, edge=edge)


def _layer_picture(layer: LayerRequest, values: Float32) -> LayerPicture:
    if layer.volume.is_colour:
        # True colour is shown as it is, without a window (rule B20).
        return LayerPicture(values, TRUE_COLOUR, 0.0, 255.0)
    return LayerPicture(values[0], layer.table, layer.lower, layer.upper)
