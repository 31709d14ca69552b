"""The sentence about intended use."""

from __future__ import annotations

INTENDED_USE = "Not a medical device. Not for primary diagnosis or treatment decisions."
"""Stands at first start, in About and under every exported picture (rule E23)."""
