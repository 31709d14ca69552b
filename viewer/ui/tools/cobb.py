"""Cobb angle: draw a line along each end plate."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.COBB, 112)
