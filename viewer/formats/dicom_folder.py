"""A folder with DICOM files anywhere below it. A DICOMDIR in it is compared with what is there, never needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from viewer.formats.registry import CancelCheck, Found
from viewer.formats.walk import find_media_directory, walk


class DicomFolder:
    """Reads every regular file below a folder (rule A06: also when a DICOMDIR names others)."""

    id = "dicom-folder"
    name = "Folder with DICOM files"
    patterns: tuple[str, ...] = ()
    priority = 100

    def can_open(self, path: Path) -> bool:
        """True for folders."""
        return path.is_dir()

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the files below the folder, then a note about its DICOMDIR when that names missing files."""
        shown = path.resolve().name or str(path)
        yield from walk(path, shown, cancel)
        media_directory = find_media_directory(path)
        if media_directory is not None:
            # Imported here because reading a DICOMDIR needs pydicom, which most folders do not.
            from viewer.formats.dicomdir_index import stale_problem

            problem = stale_problem(media_directory, f"{shown}/{media_directory.name}", cancel)
            if problem is not None:
                yield problem


FORMAT = DicomFolder()
