"""Where the data files of the program are: icons, colormaps, presets, key tables.

In a checkout they lie in `resources/` beside the package, in an installed package in `viewer/resources/`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@lru_cache(maxsize=1)
def _root() -> Path:
    """The resource folder: the one inside the package where it was installed, else the one of the checkout."""
    from importlib.resources import files

    for place in (Path(str(files("viewer"))), _PACKAGE):
        for root in (place / "resources", place.parent / "resources"):
            if (root / "presets").is_dir():
                return root
    raise FileNotFoundError("the program's resources folder is missing: install the program again")


def asset_path(name: str) -> Path:
    """Path of a data file or folder.

    Parameters
    ----------
    name
        Path relative to the resource folder, with forward slashes: "presets/ct.toml".

    Returns
    -------
    Path
        A path that exists.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The name leads out of the resource folder.
    """
    root = _root()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{name!r} is not inside the resources folder")
    if not path.exists():
        raise FileNotFoundError(f"the program's file {name!r} is missing: install the program again")
    return path


def assets_in(folder: str, suffix: str) -> tuple[Path, ...]:
    """Files of a resource folder that end in `suffix` (".toml"), by name."""
    return tuple(sorted(path for path in asset_path(folder).iterdir() if path.suffix == suffix))
