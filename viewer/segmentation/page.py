"""Self-contained HTML pages: tables, charts and pictures in one file that opens anywhere and asks no server."""

from __future__ import annotations

import base64
import csv
import html
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.atomic import write_bytes
from viewer.spreadsheet import as_cell

_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 24px auto; max-width: 1180px; padding: 0 16px; }
h1 { font-size: 22px; } h2 { font-size: 16px; margin-top: 32px; }
table { border-collapse: collapse; } td, th { padding: 4px 10px; text-align: right; border-bottom: 1px solid #8885; }
td:first-child, th:first-child { text-align: left; }
tr.marked td { background: #e8a33d33; }
.wide { overflow-x: auto; }
.charts { display: flex; flex-wrap: wrap; gap: 16px; } .charts svg { background: #fff; max-width: 100%; height: auto; }
figure { margin: 0; width: 270px; } figcaption { font-size: 12px; overflow-wrap: anywhere; }
figure img { width: 100%; background: #000; }
footer { margin-top: 40px; font-size: 12px; opacity: 0.75; }
"""
_REFERENCE, _FOUND = (64, 200, 96), (240, 72, 56)


class Page:
    """A page that grows part by part.

    Parameters
    ----------
    title
        Its heading.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []

    def note(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{html.escape(text)}</p>")

    def table(
        self,
        heading: str,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        marked: Sequence[bool] | None = None,
    ) -> None:
        """Add a table; marked rows are in colour, "" is shown as a dash."""
        head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
        body = []
        for row, mark in zip(rows, marked or [False] * len(rows), strict=True):
            cells = "".join(f"<td>{html.escape(text) or '–'}</td>" for text in row)
            body.append(f"<tr class='marked'>{cells}</tr>" if mark else f"<tr>{cells}</tr>")
        self._parts.append(
            f"<h2>{html.escape(heading)}</h2><div class='wide'><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table></div>"
        )

    def charts(self, heading: str, svgs: Sequence[str]) -> None:
        """Add SVG elements side by side."""
        self._parts.append(f"<h2>{html.escape(heading)}</h2><div class='charts'>{''.join(svgs)}</div>")

    def pictures(
        self, heading: str, text: str, pictures: Sequence[tuple[npt.NDArray[np.uint8], str]]
    ) -> None:
        """Add pictures (rows, columns, 3) with a line under each."""
        figures = []
        for picture, caption in pictures:
            data = base64.b64encode(png(picture)).decode()
            shown = html.escape(caption)
            figures.append(
                f"<figure><img alt='{shown}' src='data:image/png;base64,{data}'>"
                f"<figcaption>{shown}</figcaption></figure>"
            )
        self._parts.append(
            f"<h2>{html.escape(heading)}</h2><p>{html.escape(text)}</p>"
            f"<div class='charts'>{''.join(figures)}</div>"
        )

    def write(self, path: Path) -> None:
        """Write the page.

        Raises
        ------
        ExportError
            The file cannot be written.
        """
        title = html.escape(self._title)
        text = (
            f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
            f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>"
            f"<h1>{title}</h1>{''.join(self._parts)}"
            "<footer>Made by Triptych. Not for diagnosis or treatment decisions.</footer></body></html>"
        )
        write_bytes(path, text.encode())


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A picture (rows, columns, 3) as PNG."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", optimize=True)
    return data.getvalue()


def outlined(
    seen: npt.NDArray[np.float32], reference: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint8]:
    """A slice in grey with the edge of the reference in green and that of what was found in red.

    Parameters
    ----------
    seen
        (rows, columns) from 0 to 1.
    reference, found
        (rows, columns).

    Returns
    -------
    ndarray
        (rows, columns, 3) uint8.
    """
    grey = np.clip(np.nan_to_num(seen) * 255, 0, 255).astype(np.uint8)
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    picture[_edge(reference)] = _REFERENCE
    picture[_edge(found)] = _FOUND
    return picture


def _edge(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels of a mask with one of four neighbours outside."""
    around = np.pad(mask, 1)
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return mask & ~inner


def cell(value: float | np.floating, decimals: int) -> str:
    """A number for a table, "" when it is not defined."""
    return f"{value:.{decimals}f}" if math.isfinite(value) else ""


def csv_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """CSV with line feeds, in UTF-8; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([as_cell(item) for item in row])
    return text.getvalue().encode()
