"""What a drawn measurement belongs to: the patient, the volume whose values it reads, the acquired image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from viewer.imaging.geometry import FloatArray
from viewer.state.contents import window_role
from viewer.state.library import OpenVolume
from viewer.state.measurement import LABELS, REGIONS, Kind, Measurement, as_points, new_uid
from viewer.state.panes import Pane
from viewer.state.planes import grid_axis
from viewer.state.view import ViewState

ON_SLICE = 0.5
"""A drawing no farther from a slice than this part of a step belongs to its image."""


def begun(
    view: ViewState, pane: Pane, kind: Kind, points_mm: FloatArray, normal: FloatArray
) -> Measurement | None:
    """A new measurement in a pane, without a name yet; None when nothing is open.

    It reads the values of the layer that a window drag in this pane would act on: what the eye looks at.
    """
    base = view.base_volume
    if base is None:
        return None
    item = view.volume(window_role(view, pane)) or base
    return Measurement(
        uid=new_uid(),
        kind=kind,
        points=as_points(points_mm),
        normal=as_points(normal[None])[0],
        study_uid=base.study.uid,
        frame_of_reference_uid=base.volume.geometry.frame_of_reference_uid,
        volume_uid=item.volume.uid,
        calibrated=base.volume.geometry.calibrated,
    )


def placed(view: ViewState, measurement: Measurement) -> Measurement:
    """The measurement with the acquired image it lies on, "" when it lies on none (rule G08)."""
    item = view.library.get(measurement.volume_uid)
    uid, frame = ("", 0) if item is None else acquired_image(item, measurement)
    return replace(measurement, sop_instance_uid=uid, frame=frame)


def acquired_image(item: OpenVolume, measurement: Measurement) -> tuple[str, int]:
    """SOPInstanceUID and frame of the slice that a measurement lies on, ("", 0) when it lies on none."""
    k = acquired_slice(item, measurement)
    frames = item.stack.frames
    if k is None or k >= len(frames):
        return "", 0
    return frames[k].sop_instance_uid, frames[k].frame


def acquired_slice(item: OpenVolume, measurement: Measurement) -> int | None:
    """Index of the slice that a measurement lies on, or None."""
    geometry = item.volume.geometry
    if measurement.frame_of_reference_uid != geometry.frame_of_reference_uid:
        return None
    if measurement.kind in REGIONS and grid_axis(geometry, np.array(measurement.normal)) != 0:
        return None
    along = geometry.to_index(measurement.array)[:, 0]
    k = round(float(along.mean()))
    if not 0 <= k < geometry.shape[0] or float(np.abs(along - k).max()) > ON_SLICE:
        return None
    return k


def worth_keeping(measurement: Measurement, least_mm: float) -> bool:
    """Whether a drawing is larger than a slip of the hand."""
    if measurement.kind in LABELS or measurement.kind is Kind.POINT:
        return True
    shape = measurement.shape
    if shape is not None:
        return shape.normal is not None and shape.area_mm2 > least_mm**2
    points = measurement.array
    sides = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if measurement.kind in (Kind.COBB, Kind.BIDIRECTIONAL):
        sides = sides[::2]
    return bool((sides > least_mm).all())
