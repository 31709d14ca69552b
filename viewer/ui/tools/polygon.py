"""Region with corners: click each, close with a double click or on the first."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.POLYGON, 116)
