"""Elliptical region: drag from corner to corner of the rectangle around it."""

from __future__ import annotations

from viewer.state.measurement import Kind
from viewer.ui.tools._drawing import DrawingTool

TOOL = DrawingTool(Kind.ELLIPSE, 114)
