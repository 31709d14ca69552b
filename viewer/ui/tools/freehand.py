"""Region drawn by hand."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.FREEHAND, 117)
