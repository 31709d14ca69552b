"""A single file. Tried last: whether it is DICOM is found out by reading its header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from viewer.errors import FormatError
from viewer.formats import sniff
from viewer.formats.registry import CancelCheck, Found, FoundFile


class DicomFile:
    """Reads one regular file."""

    id = "dicom-file"
    name = "DICOM file"
    patterns: tuple[str, ...] = ("*",)
    priority = 0

    def can_open(self, path: Path) -> bool:
        """True for every regular file; devices, pipes and sockets are never opened (rule J37)."""
        return sniff.is_regular_file(path)

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the file itself.

        Raises
        ------
        FormatError
            It is an archive of a type that cannot be opened.
        """
        cancel.check()
        archive = sniff.foreign_archive(path)
        if archive:
            raise FormatError(
                f"{path.name}: {archive} archives cannot be opened. Unpack it and open the folder, or use a zip file."
            )
        yield FoundFile(path.resolve(), path.name)


FORMAT = DicomFile()
