"""SUV inputs the user corrects: everything that depends on them follows, and the result is marked (rule D15).

The voxels stay as they are; only the factor between them and the SUV changes. What the header says is kept in the
catalogue, so it can be taken back at any time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from viewer.errors import SuvUnavailable
from viewer.imaging.body_size import UPTAKE_UNITS
from viewer.imaging.suv import SuvResult, edited, suv_factor
from viewer.state.library import Library, OpenVolume


def can_edit_suv(item: OpenVolume) -> bool:
    """Whether one factor stands between the stored values and the SUV.

    Slices that were decay corrected one by one (DecayCorrection NONE) hold SUV already and cannot be edited.
    """
    suv = item.stack.suv
    return suv is not None and suv.factor is not None and item.volume.suv_factor is not None


def edit_suv(library: Library, uid: str, **values: float | dt.datetime) -> None:
    """Give an open PET other SUV inputs.

    Parameters
    ----------
    library
        Holds the volume.
    uid
        Of the volume.
    values
        By field name: weight_kg, dose_bq, residual_bq, half_life_s, injection.

    Raises
    ------
    SuvUnavailable
        No SUV follows from these values; nothing was changed.
    """
    item = library.get(uid)
    if item is None or item.stack.suv is None or not can_edit_suv(item):
        raise SuvUnavailable("This series has no SUV inputs that can be edited.")
    _take(library, item, suv_factor(edited(item.stack.suv.inputs, **values)))


def reset_suv(library: Library, uid: str) -> None:
    """Back to what the header says."""
    item, stack = library.get(uid), library.catalogue.find_stack(uid)
    if item is not None and stack is not None and stack.suv is not None:
        _take(library, item, stack.suv)


def _take(library: Library, item: OpenVolume, result: SuvResult) -> None:
    if result.factor is None:
        raise SuvUnavailable("These inputs give every slice a factor of its own.")
    before = item.stack.suv.warnings if item.stack.suv is not None else ()
    others = tuple(text for text in item.stack.warnings if text not in before)
    stack = replace(item.stack, suv=result, warnings=tuple(dict.fromkeys((*others, *result.warnings))))
    unit = UPTAKE_UNITS[result.kind] + ("*" if result.edited else "")
    volume = replace(item.volume, suv_factor=result.factor, suv_unit=unit)
    library.replace(replace(item, volume=volume, stack=stack))
