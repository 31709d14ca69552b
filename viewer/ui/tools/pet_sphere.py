"""A sphere of interest on a PET, drawn from its centre outwards; its handles move and size it afterwards."""

from __future__ import annotations

from viewer.imaging.voi import Sphere
from viewer.state.lesion_shapes import dragged_sphere
from viewer.ui.tools._pet_region import RegionTool

TOOL = RegionTool(
    id="pet-sphere",
    text="Sphere on PET",
    icon="pet-sphere",
    order=210,
    kind=Sphere,
    dragged=lambda pointer: dragged_sphere(pointer.press_mm, pointer.point_mm),
    done="Add sphere",
)
