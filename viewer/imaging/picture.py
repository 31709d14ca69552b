"""Both stages of several pictures in one call: sample what is stale, then colour it while it is in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from viewer.imaging import kernel
from viewer.imaging.compose import ComposeRequest, compose_job
from viewer.imaging.kernel.jobs import PictureJob, SampleJob
from viewer.imaging.near_columns import NearColumns
from viewer.imaging.sample import SampleRequest, sample_job


@dataclass(frozen=True, eq=False)
class PictureRequest:
    """One picture to be made.

    Parameters
    ----------
    samples
        Planes to be sampled first, each with its `out`, all of the picture's height.
    compose
        What is coloured afterwards: outputs of `samples` and values that are still good.
    """

    samples: tuple[SampleRequest, ...]
    compose: ComposeRequest


def make_pictures(requests: Sequence[PictureRequest], near: NearColumns | None = None) -> None:
    """Make several pictures in one go, spread over all cores.

    Parameters
    ----------
    requests
        What is made.
    near
        Keeps columns for the next sagittal planes, of requests with a `key`; None keeps nothing.

    Raises
    ------
    ValueError
        See `sample_plane` and `compose`.
    """
    kernel.render(
        [
            PictureJob(
                tuple(_sample_job(request, near) for request in picture.samples), compose_job(picture.compose)
            )
            for picture in requests
        ]
    )


def _sample_job(request: SampleRequest, near: NearColumns | None) -> SampleJob:
    job = sample_job(request)
    return job if near is None or request.key is None else near.instead(job, request.key)
