"""Rectangular region: drag from corner to corner."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.RECTANGLE, 115)
