"""Triptych: a desktop viewer for DICOM studies in three linked planes.

Importing the package imports nothing heavy.
"""

from __future__ import annotations

__version__ = "0.1.0"
