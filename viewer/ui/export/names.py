"""File names that say what a picture shows and never whose it is (rule F01)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from pathlib import Path

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def today() -> dt.date:
    """The local date of the export."""
    return dt.datetime.now().astimezone().date()


def stem(subject: str, date: dt.date) -> str:
    """Beginning of a file name: "triptych-axial-2026-11-21".

    Parameters
    ----------
    subject
        What is shown, "axial" or "layout"; must come from the program, never from the study.
    date
        Day of the export (not of the study).
    """
    word = _NOT_IN_NAMES.sub("-", subject.lower()).strip("-") or "picture"
    return f"triptych-{word}-{date.isoformat()}"


def free_name(folder: Path, beginning: str, extension: str, taken: Iterable[str] = ()) -> str:
    """The first name "beginning-n.extension" that `folder` does not hold yet; without extension a folder's name."""
    try:
        present = {entry.name.lower() for entry in folder.iterdir()}
    except OSError:  # the folder is checked where the file is written
        present = set()
    present |= {name.lower() for name in taken}
    ending = f".{extension}" if extension else ""
    number = 1
    while f"{beginning}-{number}{ending}".lower() in present:
        number += 1
    return f"{beginning}-{number}{ending}"
