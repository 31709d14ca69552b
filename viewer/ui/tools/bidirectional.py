"""Long and short axis (RECIST 1.1): draw the long one, then pull the short one to size."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.BIDIRECTIONAL, 113)
