"""What the user can choose for an export, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCALES = (1, 2, 4)
"""Device pixels per pixel on screen; pictures are painted at that size, never enlarged (rule F01)."""


class Target(StrEnum):
    """What is exported."""

    PANE = "pane"
    LAYOUT = "layout"


class Mode(StrEnum):
    """What is drawn over the image (rule F01)."""

    IMAGE = "image"
    """The image alone."""
    ANONYMOUS = "annotations"
    """Annotations without the patient's identity; what an export is unless the user asks for more."""
    IDENTIFIED = "identity"
    """Annotations with the patient's identity."""

    @property
    def overlays(self) -> bool:
        """Whether lines and text are drawn."""
        return self is not Mode.IMAGE

    @property
    def identity(self) -> bool:
        """Whether the patient can be told from the picture."""
        return self is Mode.IDENTIFIED

    @property
    def included(self) -> str:
        """What the picture holds, for the log (rule F08)."""
        return {
            Mode.IMAGE: "image only",
            Mode.ANONYMOUS: "annotations without identity",
            Mode.IDENTIFIED: "annotations with patient identity",
        }[self]


class PictureFormat(StrEnum):
    """File types of a single picture; the value is the extension."""

    PNG = "png"
    JPEG = "jpg"
    TIFF = "tif"


@dataclass(frozen=True)
class PictureRequest:
    """One picture.

    Parameters
    ----------
    target
        Active pane or whole layout.
    width, height
        Size in pixels at 1x: the size on screen.
    scale
        One of `SCALES`.
    mode
        What is drawn over the image.
    footer
        Intended use and technical line in a strip below the picture; the picture itself stays untouched.
    """

    target: Target
    width: int
    height: int
    scale: int = 1
    mode: Mode = Mode.ANONYMOUS
    footer: bool = True
