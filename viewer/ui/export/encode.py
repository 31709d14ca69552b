"""Pixels to the bytes of a single picture file."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from viewer.ui.export.options import PictureFormat


def encode(
    rgb: npt.NDArray[np.uint8], picture_format: PictureFormat, facts: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a picture file.

    Parameters
    ----------
    rgb
        (rows, columns, 3) uint8.
    picture_format
        PNG and TIFF are lossless (Deflate); JPEG is written at quality 95 without chroma subsampling.
    facts
        Keyword to text, written as tEXt chunks of a PNG (rule F02); the other types carry no text at all.

    Returns
    -------
    bytes
        The file. It holds no metadata but `facts`.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    image = Image.fromarray(np.ascontiguousarray(rgb), "RGB")
    buffer = io.BytesIO()
    if picture_format is PictureFormat.PNG:
        info = PngInfo()
        for keyword, text in (facts or {}).items():
            info.add_text(keyword, text)
        image.save(buffer, "PNG", pnginfo=info)
    elif picture_format is PictureFormat.JPEG:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        image.save(buffer, "TIFF", compression="tiff_adobe_deflate")
    return buffer.getvalue()
