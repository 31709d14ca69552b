"""Brush: adds voxels to the selected structure."""

from __future__ import annotations

from viewer.ui.tools._structure_brush import StructureBrush

TOOL = StructureBrush("brush", "Brush", "brush", 300, erase=False)
