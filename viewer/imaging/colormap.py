"""Colormaps: 256 colours each, the standard palettes of PS3.6 Annex B among them (rule D36).

Each file of `resources/colormaps` is one colormap; its name is the id. A new one needs no code.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.assets import assets_in

_SIX_DIGITS = re.compile(r"[0-9a-f]{6}")


@dataclass(frozen=True, eq=False)
class Colormap:
    """256 colours from low to high.

    Parameters
    ----------
    id
        Stable identifier, kept in settings.
    name
        As shown.
    rgb
        (256, 3) uint8, index 0 for the lowest value; read-only.
    uid
        UID of the standard palette (PS3.6 Annex B), empty for others.
    order
        Place in lists.
    """

    id: str
    name: str
    rgb: npt.NDArray[np.uint8]
    uid: str = ""
    order: int = 0

    def __post_init__(self) -> None:
        rgb = np.array(self.rgb, dtype=np.uint8)
        if rgb.shape != (256, 3):
            raise ValueError(f"a colormap has 256 colours of red, green and blue, not {rgb.shape}")
        rgb.setflags(write=False)
        object.__setattr__(self, "rgb", rgb)


def read_colormap(path: Path) -> Colormap:
    """Read a colormap file: TOML with `name`, `order`, optional `uid`, and `rgb` as 256 hexadecimal colours.

    Raises
    ------
    ValueError
        The file does not follow this form.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    words = str(table.get("rgb", "")).split()
    if len(words) != 256 or not all(_SIX_DIGITS.fullmatch(word) for word in words):
        raise ValueError(f"{path.name}: rgb must be 256 colours of six lower-case hexadecimal digits")
    rgb = np.frombuffer(bytes.fromhex("".join(words)), dtype=np.uint8).reshape(256, 3)
    return Colormap(path.stem, str(table["name"]), rgb, str(table.get("uid", "")), int(table["order"]))


@lru_cache(maxsize=1)
def colormaps() -> tuple[Colormap, ...]:
    """All colormaps in the order of lists."""
    return tuple(
        sorted((read_colormap(path) for path in assets_in("colormaps", ".toml")), key=lambda c: c.order)
    )


@lru_cache(maxsize=64)
def colormap(id: str) -> Colormap:  # noqa: A002 - the field of the same name
    """The colormap with an id.

    Raises
    ------
    KeyError
        There is none.
    """
    for found in colormaps():
        if found.id == id:
            return found
    raise KeyError(f"no colormap {id!r}")
