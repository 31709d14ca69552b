"""What a measurement says: numbers with units and decimals, and what must be known about them (clinical spec G)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from viewer.imaging.body_size import is_uptake
from viewer.imaging.measure.angle import angle_deg
from viewer.imaging.measure.bidirectional import bidirectional
from viewer.imaging.measure.cobb import cobb_deg
from viewer.imaging.measure.length import length_mm
from viewer.imaging.measure.polygon import Polygon
from viewer.imaging.measure.region import RegionStatistics, Shape, crosses_gap, region_statistics
from viewer.imaging.sample import VoxelState, voxel_at
from viewer.imaging.volume import Volume
from viewer.state.library import OpenVolume
from viewer.state.measurement import FACTS, LABELS, OUTLINES, Kind, Measurement
from viewer.state.planes import grid_axis
from viewer.state.probe import format_value

NO_VOXEL = "no voxel"
LOADING = "loading"
NOT_REGISTERED = "not registered"
ACROSS_GAP = "across a gap"
RESAMPLED = "resampled plane"
CROSSES_ITSELF = "the outline crosses itself"

POINTS = {
    Kind.LENGTH: 2,
    Kind.ANGLE: 3,
    Kind.COBB: 4,
    Kind.BIDIRECTIONAL: 4,
    Kind.ELLIPSE: 4,
    Kind.RECTANGLE: 4,
}
"""Points without which there is nothing to say, while something is being drawn."""

NAMES = {
    "length": "Length",
    "angle": "Angle",
    "cobb": "Cobb angle",
    "long-axis": "Long axis",
    "short-axis": "Short axis",
    "area": "Area",
    "perimeter": "Perimeter",
    "mean": "Mean",
    "sd": "SD",
    "min": "Min",
    "max": "Max",
    "count": "Voxels",
    "volume": "Volume",
    "value": "Value",
}


@dataclass(frozen=True)
class Measured:
    """One number.

    Parameters
    ----------
    id
        One of `NAMES`; a number of a report that has no place there has its own name.
    value
        In `unit`.
    unit
        "mm", "mm²", "mm³", "px", "px²", "°", "HU", "SUV", ... or "" for a count.
    """

    id: str
    value: float
    unit: str

    @property
    def text(self) -> str:
        """The number with its unit, as it is shown."""
        if self.id == "value":
            return format_value(self.value, self.unit)
        if self.unit == "HU" and self.id in ("min", "max"):
            return f"{self.value:.0f} HU"
        return with_unit(self.value, self.unit)


@dataclass(frozen=True)
class Result:
    """All a measurement says.

    Parameters
    ----------
    values
        Its numbers, the most important one first.
    note
        Why there are no more of them: "no voxel"; "" otherwise.
    warnings
        What must be known about them, also in exports (rule G12).
    """

    values: tuple[Measured, ...] = ()
    note: str = ""
    warnings: tuple[str, ...] = ()

    def get(self, name: str) -> float | None:
        """The number with an id, or None."""
        return next((found.value for found in self.values if found.id == name), None)

    def lines(self) -> tuple[str, ...]:
        """The label beside the drawing, two or three numbers a line."""
        by_id = {found.id: found for found in self.values}
        lines = []
        for row in (
            ("length",),
            ("angle",),
            ("cobb",),
            ("long-axis", "short-axis"),
            ("value",),
            ("mean", "sd"),
            ("min", "max"),
            ("area", "count"),
        ):
            parts = [
                _labelled(by_id[name], alone=len(row) == 1, twice=len(row) == 2 and name != row[0])
                for name in row
                if name in by_id
            ]
            if parts:
                lines.append("  ".join(parts))
        lines += [f"{found.id} {found.text}" for found in self.values if found.id not in NAMES]
        if self.note:
            lines.append(self.note)
        return (*lines, *(f"⚠ {warning}" for warning in self.warnings))


def measure(measurement: Measurement, item: OpenVolume | None) -> Result:
    """The numbers of a measurement.

    Parameters
    ----------
    measurement
        What was drawn.
    item
        The volume it reads values of; without it there are only lengths, angles and areas.
    """
    values = list(_of_points(measurement))
    note = ""
    shape = measurement.shape
    if item is not None and measurement.kind is Kind.POINT:
        values += _value(measurement, item.volume)
    if (
        item is not None
        and shape is not None
        and not (item.volume.is_colour or item.volume.quantity.is_label)
    ):
        found = region_statistics(item.volume, shape)
        if found.loading:
            note = LOADING
        else:
            values = [*_of_voxels(found, item.volume), *values]
            note = "" if found.count else NO_VOXEL
    return Result(tuple(values), note, _warnings(measurement, item, shape))


def with_unit(value: float, unit: str) -> str:
    """A number with its unit: 0.1 mm, 0.1 degrees, mm² or cm², mm³ or mL (rules G01, E25)."""
    if unit == "mm²" and value >= 100:
        return f"{value / 100:.2f} cm²"
    if unit == "mm³" and value >= 100:
        return f"{value / 1000:.2f} mL"
    if unit in ("mm", "mm²", "mm³", "px", "px²"):
        return f"{value:.1f} {unit}"
    if unit == "°":
        return f"{value:.1f}°"
    if unit == "":
        return f"{value:.0f}" if value == round(value) else f"{value:.4g}"
    if unit == "HU":
        return f"{value:.1f} HU"
    if is_uptake(unit):
        return f"{value:.2f} {unit}"
    return f"{value:.4g} {unit}" if abs(value) < 1000 else f"{value:.0f} {unit}"


def _of_points(measurement: Measurement) -> list[Measured]:
    """What needs no values: lengths, angles, areas."""
    points, kind = measurement.points, measurement.kind
    mm, mm2 = ("mm", "mm²") if measurement.calibrated else ("px", "px²")
    if len(points) < POINTS.get(kind, 0):
        return []
    if kind is Kind.LENGTH:
        return [Measured("length", length_mm(points[0], points[1]), mm)]
    if kind is Kind.ANGLE:
        angle = angle_deg(points[0], points[1], points[2])
        return [] if angle is None else [Measured("angle", angle, "°")]
    if kind is Kind.COBB:
        angle = cobb_deg(points)
        return [] if angle is None else [Measured("cobb", angle, "°")]
    if kind is Kind.BIDIRECTIONAL:
        sizes = bidirectional(points)
        return [Measured("long-axis", sizes.long_mm, mm), Measured("short-axis", sizes.short_mm, mm)]
    shape = measurement.shape
    if shape is None:
        return []
    found = [Measured("area", shape.area_mm2, mm2)]
    if isinstance(shape, Polygon):
        found.append(Measured("perimeter", shape.perimeter_mm, mm))
        diameters = shape.diameters_mm()
        if diameters is not None:
            for name, ends in zip(("long-axis", "short-axis"), diameters, strict=True):
                found.append(Measured(name, length_mm(ends[0], ends[1]), mm))
    return found


def _of_voxels(found: RegionStatistics, volume: Volume) -> list[Measured]:
    unit = volume.display_unit
    cubic = "mm³" if volume.geometry.calibrated else "px³"
    numbers = (
        ("mean", found.mean, unit),
        ("sd", found.sd, unit),
        ("min", found.minimum, unit),
        ("max", found.maximum, unit),
        ("count", float(found.count), ""),
        ("volume", found.volume_mm3 if found.count else None, cubic),
    )
    return [Measured(name, value, its) for name, value, its in numbers if value is not None]


def _value(measurement: Measurement, volume: Volume) -> list[Measured]:
    """The value of the nearest voxel, never of the display's interpolation (rule B23)."""
    found = voxel_at(volume, measurement.points[0])
    if found.state is not VoxelState.VALUE or found.stored is None or volume.is_colour:
        return []
    value = found.stored[0] * volume.display_slope + volume.display_intercept
    return [Measured("value", float(value), volume.display_unit)]


def _warnings(measurement: Measurement, item: OpenVolume | None, shape: Shape | None) -> tuple[str, ...]:
    found = []
    if isinstance(shape, Polygon) and measurement.kind in OUTLINES and shape.crosses_itself():
        found.append(CROSSES_ITSELF)
    if item is None or measurement.kind in LABELS:
        return tuple(found)
    geometry = item.volume.geometry
    if measurement.frame_of_reference_uid != geometry.frame_of_reference_uid:
        found.append(NOT_REGISTERED)
    points = shape.outline_mm() if shape is not None else measurement.array
    if crosses_gap(geometry, points):
        found.append(ACROSS_GAP)
    if measurement.kind is Kind.BIDIRECTIONAL and grid_axis(geometry, np.array(measurement.normal)) != 0:
        found.append(RESAMPLED)
    return tuple(found)


def _labelled(found: Measured, *, alone: bool, twice: bool) -> str:
    """A number for the label: the kind alone needs no name, and a second one of a line no unit twice."""
    if found.id in ("long-axis", "short-axis"):
        return f"{'S' if twice else 'L'} {found.text}"
    if found.id == "count":
        return f"n {found.text}"
    if found.id in ("sd", "max") and found.unit:
        return f"{NAMES[found.id]} {found.text.removesuffix(found.unit).rstrip()}"
    return found.text if alone else f"{NAMES[found.id]} {found.text}"


def summary(measurement: Measurement, result: Result) -> str:
    """One line for the list: the most telling number, or what it is."""
    if result.note and not result.values:
        return result.note
    by_id = {found.id: found for found in result.values}
    for names in (
        ("length",),
        ("angle",),
        ("cobb",),
        ("mean",),
        ("value",),
        ("long-axis", "short-axis"),
        ("area",),
    ):
        if names[0] in by_id:
            return " × ".join(by_id[name].text for name in names if name in by_id)
    if result.values:
        return result.values[0].text
    return FACTS[measurement.kind].text
