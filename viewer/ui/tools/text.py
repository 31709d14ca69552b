"""Words at a point."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.TEXT, 120)
