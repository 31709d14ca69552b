"""Child process: find the rigid movement between two blocks of values that come through the standard input.

    python -m viewer.registration.worker

reads one JSON line `{"fixed": {"shape", "origin", "spacing"}, "moving": {...}}` and then the float32 values of both,
and says how it goes in JSON lines: `{"level": 0, "levels": 3, "metric": -0.4}`, at last `{"matrix": 4x4}`, which maps
fixed LPS millimetres to moving ones, or `{"error": "a sentence"}`. Nothing is written to disk.
"""

from __future__ import annotations

import json
import sys
from typing import Any, BinaryIO

import numpy as np

SHRINK = (4, 2, 1)
SMOOTHING_MM = (4.0, 2.0, 0.0)
BINS = 50
SHARE = 0.2
SEED = 20
"""Seed of the sampled positions: the same two series always give the same answer."""


def main(source: BinaryIO) -> None:
    """Do one job."""
    import SimpleITK as sitk  # noqa: N813 - its own name

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    job = json.loads(source.readline())
    fixed, mask = _image(sitk, job["fixed"], source)
    moving, _ = _image(sitk, job["moving"], source)
    try:
        matrix = _register(sitk, fixed, mask, moving)
    except RuntimeError:
        _say(
            error="The two series have too little in common to be registered; move the overlay by hand first."
        )
        return
    _say(matrix=matrix.tolist())


def _image(sitk: Any, facts: dict[str, Any], source: BinaryIO) -> tuple[Any, Any]:
    """The image and the mask of what holds values; the rest gets the lowest value."""
    shape = tuple(facts["shape"])
    values = np.frombuffer(source.read(4 * int(np.prod(shape))), np.float32).reshape(shape)
    known = np.isfinite(values)
    image = sitk.GetImageFromArray(np.where(known, values, values[known].min()).astype(np.float32))
    mask = sitk.GetImageFromArray(known.astype(np.uint8))
    for made in (image, mask):
        made.SetOrigin(facts["origin"])
        made.SetSpacing([facts["spacing"]] * 3)
    return image, mask


def _register(sitk: Any, fixed: Any, mask: Any, moving: Any) -> np.ndarray[Any, Any]:
    # Moments need weights that are not negative.
    above = [image - float(sitk.GetArrayViewFromImage(image).min()) for image in (fixed, moving)]
    start = sitk.CenteredTransformInitializer(
        *above, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SHARE, SEED)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200, relaxationFactor=0.5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK)
    method.SetSmoothingSigmasPerLevel(SMOOTHING_MM)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=True)
    method.AddCommand(
        sitk.sitkIterationEvent,
        lambda: _say(level=method.GetCurrentLevel(), levels=len(SHRINK), metric=method.GetMetricValue()),
    )
    method.Execute(fixed, moving)
    origin = np.array(start.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, 3] = origin
    for axis in range(3):
        matrix[:3, axis] = np.array(start.TransformPoint(np.eye(3)[axis].tolist())) - origin
    return matrix


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer)
