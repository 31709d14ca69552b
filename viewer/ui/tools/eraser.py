"""Eraser: takes voxels away from the selected structure."""

from __future__ import annotations

from viewer.ui.tools._structure_brush import StructureBrush

TOOL = StructureBrush("eraser", "Eraser", "eraser", 301, erase=True)
