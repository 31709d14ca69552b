"""Angle: drag one arm to the vertex, then place the end of the other."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.ANGLE, 111)
