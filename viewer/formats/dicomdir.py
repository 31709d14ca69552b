"""A DICOMDIR dropped or opened by name: the files it names, or its folder when the names are stale (rules A06, J41)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from viewer.dicom.model import Problem
from viewer.errors import FormatError
from viewer.formats import sniff
from viewer.formats.registry import CancelCheck, Found, FoundFile
from viewer.formats.walk import walk


class DicomDir:
    """Opens what a DICOMDIR names."""

    id = "dicomdir"
    name = "DICOMDIR"
    patterns: tuple[str, ...] = ("DICOMDIR",)
    priority = 80

    def can_open(self, path: Path) -> bool:
        """True for media directories by their content, and for broken ones by their name."""
        return sniff.is_regular_file(path) and (
            path.name.upper() == "DICOMDIR" or sniff.is_media_directory(path)
        )

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the named files; when one is missing or none is named, say so and yield the whole folder."""
        # Imported here because it needs pydicom, and the registry imports every format.
        from viewer.formats.dicomdir_index import read_media_directory

        folder = path.resolve().parent
        try:
            directory = read_media_directory(path.resolve(), cancel)
        except FormatError as error:
            reason = error.user_message
        else:
            if directory.missing == 0 and directory.present:
                for file in directory.present:
                    cancel.check()
                    yield FoundFile(file, f"{folder.name}/{file.relative_to(folder).as_posix()}")
                return
            total = directory.missing + len(directory.present)
            verb = "is" if directory.missing == 1 else "are"
            reason = (
                f"{directory.missing} of {total} files that the DICOMDIR names {verb} missing."
                if total
                else "The DICOMDIR names no files."
            )
        yield Problem(path.name, f"{reason} The folder was searched instead.")
        yield from walk(folder, folder.name or str(folder), cancel)


FORMAT = DicomDir()
