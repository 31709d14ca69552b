"""What stands beside the panes. Each module that defines `SECTION` is one section; nothing else lists them."""

from __future__ import annotations

from viewer.ui.discovery import modules
from viewer.ui.sidebar._building import SectionBuilder
from viewer.ui.sidebar._section import Section

__all__ = ["Section", "SectionBuilder", "sections"]


def sections() -> tuple[Section, ...]:
    """All sections of this folder by side and order."""
    found = (getattr(module, "SECTION", None) for module in modules(__name__, "SECTION"))
    return tuple(
        sorted(
            (item for item in found if isinstance(item, Section)), key=lambda item: (item.side, item.order)
        )
    )
