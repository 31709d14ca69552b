"""Length between two points (rule G01)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def length_mm(start_mm: npt.ArrayLike, end_mm: npt.ArrayLike) -> float:
    """Distance of two (3,) LPS points in the patient, in mm."""
    return float(np.linalg.norm(np.asarray(end_mm, np.float64) - np.asarray(start_mm, np.float64)))
