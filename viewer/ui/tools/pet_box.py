"""A box of interest on a PET, drawn from corner to corner; its handles move and size it afterwards."""

from __future__ import annotations

from viewer.imaging.voi import Box
from viewer.state.lesion_shapes import dragged_box
from viewer.ui.tools._pet_region import RegionTool

TOOL = RegionTool(
    id="pet-box",
    text="Box on PET",
    icon="pet-box",
    order=220,
    kind=Box,
    dragged=lambda pointer: dragged_box(pointer.press_mm, pointer.point_mm, pointer.scene.plane),
    done="Add box",
)
