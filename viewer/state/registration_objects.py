"""Spatial Registration objects of what is open: the one that links the frames of reference on screen (rule D31)."""

from __future__ import annotations

from pathlib import Path

from viewer.dicom.model import Problem, SeriesKind
from viewer.errors import ViewerError
from viewer.imaging.geometry import FloatArray
from viewer.state.alignment import Alignment, How, Placement, moving_uid
from viewer.state.contents import same_frame_of_reference
from viewer.state.layers import Role
from viewer.state.view import ViewState


def linking_movement(view: ViewState, target: str, source: str) -> FloatArray | None:
    """(4, 4) `target_from_source` of the first object that links two frames of reference; None without one.

    Objects that cannot be used are named in the problems panel.
    """
    from viewer.dicom.spatial_registration import read_spatial_registration

    for path in registration_files(view):
        try:
            matrix = read_spatial_registration(path).between(target, source)
        except ViewerError as error:
            view.library.add_problem(Problem(path.name, f"{error.user_message} It was not applied."))
            continue
        if matrix is not None:
            return matrix
    return None


def registration_files(view: ViewState) -> tuple[Path, ...]:
    """The registration objects of what is open."""
    return tuple(
        path
        for study in view.library.catalogue.studies
        for series in study.series
        if series.kind is SeriesKind.REGISTRATION
        for path in series.paths
    )


def apply_registration_object(view: ViewState) -> bool:
    """Put an overlay of another frame of reference where an object says; whether there was one."""
    uid = moving_uid(view)
    alignment = view.work.of(Alignment)
    base, overlay = view.volume(Role.BASE), view.volume(Role.OVERLAY)
    if not uid or base is None or overlay is None:
        return False
    if same_frame_of_reference(view) or alignment.placement(uid) is not None:
        return False
    frames = base.volume.geometry.frame_of_reference_uid, overlay.volume.geometry.frame_of_reference_uid
    matrix = linking_movement(view, *frames)
    if matrix is None:
        return False
    alignment.place(uid, Placement(matrix, How.OBJECT))
    return True
