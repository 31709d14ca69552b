"""Lean body mass, ideal weight and surface area, each by its named formula (rule D14)."""

from __future__ import annotations

from enum import StrEnum


class BodySize(StrEnum):
    """What an uptake is normalised to; lean and ideal mass always name their formula."""

    LBM = "LBM"
    """Lean body mass, Morgan form with 120 for men."""
    LBMJAMES128 = "LBMJAMES128"
    """Lean body mass, James form with 128 for men."""
    LBMJANMA = "LBMJANMA"
    """Lean body mass, Janmahasatian: the default, because the James form collapses in obese patients."""
    IBW = "IBW"
    """Ideal body weight."""
    BSA = "BSA"
    """Body surface area, Du Bois."""


UPTAKE_UNITS = {
    "bw": "SUV",
    "lbm": "SUL Morgan",
    "lbmjames128": "SUL James128",
    "lbmjanma": "SUL Janma",
    "ibw": "SUVibw",
    "bsa": "SUVbsa",
}
"""Short unit of an uptake by what it is divided by; lean mass names its formula. All g/mL but SUVbsa, cm2/mL."""


def is_uptake(unit: str) -> bool:
    """Whether a display unit is an SUV of any kind, edited or not."""
    return unit.removesuffix("*") in UPTAKE_UNITS.values()


def body_size(measure: BodySize, weight_kg: float, height_cm: float, sex: str = "") -> float:
    """Lean or ideal body mass in kg, or body surface area in m2.

    Parameters
    ----------
    measure
        Which formula.
    weight_kg, height_cm
        Body weight and height.
    sex
        "M" or "F"; anything else gives the mean of both formulas (D14).

    Returns
    -------
    float
        kg, for BSA m2.

    Raises
    ------
    ValueError
        Weight or height is not positive.
    """
    if not (weight_kg > 0 and height_cm > 0):
        raise ValueError("weight and height must be positive")
    if measure is BodySize.BSA:
        area_m2: float = 0.007184 * weight_kg**0.425 * height_cm**0.725
        return area_m2
    if sex not in ("M", "F"):
        return (
            body_size(measure, weight_kg, height_cm, "M") + body_size(measure, weight_kg, height_cm, "F")
        ) / 2
    male = sex == "M"
    ratio = (weight_kg / height_cm) ** 2
    bmi = weight_kg / (height_cm / 100.0) ** 2
    if measure is BodySize.LBM:
        return 1.10 * weight_kg - 120.0 * ratio if male else 1.07 * weight_kg - 148.0 * ratio
    if measure is BodySize.LBMJAMES128:
        return 1.10 * weight_kg - 128.0 * ratio if male else 1.07 * weight_kg - 148.0 * ratio
    if measure is BodySize.LBMJANMA:
        return 9270.0 * weight_kg / (6680.0 + 216.0 * bmi if male else 8780.0 + 244.0 * bmi)
    return 48.0 + 1.06 * (height_cm - 152.0) if male else 45.5 + 0.91 * (height_cm - 152.0)
