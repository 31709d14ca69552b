"""The built-in demo: a PET/CT study of a digital phantom that the program writes itself as DICOM.

`lesions` says what must be read where; `shapes` is the vocabulary; `skeleton`, `soft` and `brain` are the tables of
the body; `anatomy` puts them together; `ct` and `pet` image them; `write` makes the files.
"""

from __future__ import annotations

from viewer.dicom.demo.lesions import LESIONS, Lesion
from viewer.dicom.demo.write import DemoStudy, demo_folder, write_demo_study

__all__ = ["LESIONS", "DemoStudy", "Lesion", "demo_folder", "write_demo_study"]
