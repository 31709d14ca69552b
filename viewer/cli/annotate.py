"""Letters, scale bar and technical text drawn into a picture. Never who the patient is (rule F01)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_TEXT = (235, 235, 235)
_SHADOW = (0, 0, 0)
_BAR_LENGTHS_CM = (1, 2, 5, 10, 20)
_BAR_SHARE = 0.4
"""The scale bar takes at most this share of the width."""


@dataclass(frozen=True)
class ColourBar:
    """Colours and range of a coloured layer (rule D37).

    Parameters
    ----------
    colours
        RGB from the lowest to the highest value.
    low, high
        What stands at the ends, the unit with the upper one.
    """

    colours: Sequence[tuple[int, int, int]]
    low: str
    high: str


@dataclass(frozen=True)
class Annotation:
    """What is written on a picture.

    Parameters
    ----------
    letters
        Edge letters left, right, top, bottom; empty when the orientation is unknown.
    mm_per_pixel
        For the scale bar; None when the pixel spacing is unknown, then no bar is drawn (rule E09).
    lines
        Technical text for the bottom left corner, from top to bottom.
    footer
        Small text in the middle of the lowest line.
    colour_bar
        Of a coloured layer, or None.
    """

    letters: tuple[str, ...]
    mm_per_pixel: float | None
    lines: Sequence[str] = ()
    footer: str = ""
    colour_bar: ColourBar | None = None


def annotate(picture: Image.Image, annotation: Annotation) -> None:
    """Draw letters at the edges, the scale bar at the right and text in the bottom left corner."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    size = max(10, min(width, height) // 40)
    font = ImageFont.load_default(size)
    gap = size // 2
    bottom_y = height - gap
    if annotation.footer:
        small = ImageFont.load_default(max(8, size * 3 // 5))
        _write(draw, (width / 2, height - 2), annotation.footer, small, "mb")
        bottom_y = height - 2 - size
    left, right, top, bottom = annotation.letters
    _write(draw, (gap, height / 2), left, font, "lm")
    _write(draw, (width - gap, height / 2), right, font, "rm")
    _write(draw, (width / 2, gap), top, font, "mt")
    _write(draw, (width / 2, bottom_y), bottom, font, "mb")
    for row, line in enumerate(reversed(annotation.lines)):
        _write(draw, (gap, bottom_y - row * size * 1.25), line, font, "lb")
    if annotation.colour_bar is not None:
        _colour_bar(draw, width, annotation.colour_bar, size, font)
    if annotation.mm_per_pixel is not None:
        _scale_bar(draw, width, bottom_y, annotation.mm_per_pixel, size, font)


def _colour_bar(
    draw: ImageDraw.ImageDraw,
    width: int,
    bar: ColourBar,
    size: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """A vertical bar in the top right corner, the highest value above."""
    top, length = 2.5 * size, 8 * size
    right, left = width - size, width - 2 * size
    count = len(bar.colours)
    for y in range(length):
        draw.line([(left, top + y), (right, top + y)], fill=bar.colours[count - 1 - y * count // length])
    draw.rectangle([(left - 1, top - 1), (right + 1, top + length)], outline=_TEXT)
    _write(draw, (right + 1, top - size // 3), bar.high, font, "rb")
    _write(draw, (right + 1, top + length + size // 3), bar.low, font, "rt")


def bar_length_cm(width_px: int, mm_per_pixel: float) -> int | None:
    """Length of the scale bar, the longest that takes up to 40 % of the width; None when not even 1 cm does."""
    fitting = [cm for cm in _BAR_LENGTHS_CM if cm * 10 / mm_per_pixel <= _BAR_SHARE * width_px]
    return fitting[-1] if fitting else None


def _scale_bar(
    draw: ImageDraw.ImageDraw,
    width: int,
    bottom_y: float,
    mm_per_pixel: float,
    size: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """A horizontal bar in the bottom right corner with a tick at each centimetre."""
    length_cm = bar_length_cm(width, mm_per_pixel)
    if length_cm is None:
        return
    cm_px = 10 / mm_per_pixel
    end, y = width - 1 - size, bottom_y - 1.5 * size
    start = end - length_cm * cm_px
    for colour, shift in ((_SHADOW, 1), (_TEXT, 0)):
        draw.line([(start + shift, y + shift), (end + shift, y + shift)], fill=colour)
        for tick in range(length_cm + 1):
            x = start + tick * cm_px + shift
            reach = size // 2 if tick in (0, length_cm) else size // 4
            draw.line([(x, y - reach + shift), (x, y + shift)], fill=colour)
    _write(draw, ((start + end) / 2, y + 3), f"{length_cm} cm", font, "mt")


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    anchor: str,
) -> None:
    """Text with a dark outline, legible on white bone and on black air."""
    draw.text(place, text, fill=_TEXT, font=font, anchor=anchor, stroke_width=1, stroke_fill=_SHADOW)
