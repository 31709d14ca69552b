"""`triptych evaluate`: run a model over cases whose labels are known, and say how well it does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.cli.data_set import add_folders, cases_of, check_free

if TYPE_CHECKING:
    from collections.abc import Sequence

    from viewer.segmentation.evaluation import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_folders(parser)
    add = parser.add_argument
    add("--model", metavar="FILE", type=Path, required=True, help="ONNX model with its card beside it")
    add(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="table to write (.csv); a page (.html) goes beside it",
    )
    add("--overwrite", action="store_true", help="replace what is there")
    add(
        "--limit",
        metavar="MM3",
        type=float,
        default=500_000.0,
        help="mark structures larger than this; default: 500000",
    )
    parser.epilog = (
        "Dice; HD95, the larger of the two 95th percentiles of surface distances in mm; volumes in mm3.\n"
        "A case is marked when it lies 1.5 interquartile ranges outside the others of its label, when nothing was\n"
        "found, or when the structure is larger than the limit.\n\n"
        'Needs the extras: pip install "triptych-viewer[train]".'
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the table.

    Raises
    ------
    ViewerError
        A file cannot be read, an extra is missing, or the table cannot be written.
    """
    from viewer.cli import EXIT_OK
    from viewer.cli.progress import Progress
    from viewer.errors import ExportError
    from viewer.segmentation.card import read_card
    from viewer.segmentation.evaluation import evaluate, write_page, write_table

    output: Path | None = arguments.output
    if output is not None:
        if output.suffix.lower() != ".csv":
            raise ExportError(f"{output.name}: the table is written as .csv.")
        for path in (output, output.with_suffix(".html")):
            check_free(path, overwrite=arguments.overwrite)
    card = read_card(arguments.model)
    cases, _ = cases_of(arguments)
    with Progress() as progress:
        rows = evaluate(arguments.model, cases, progress.show)
    print_rows(rows, arguments.limit)
    if output is not None:
        write_table(output, rows, arguments.limit)
        write_page(output.with_suffix(".html"), card, rows, arguments.limit)
    return EXIT_OK


def print_rows(rows: Sequence[Row], limit_mm3: float) -> None:
    """The table for people: one line a case and label, then the means."""
    from viewer.segmentation.evaluation import HEADER, summary, table

    lines = [HEADER, *table(rows, limit_mm3)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADER))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for name, cases, mean, worst, distance, error in summary(rows):
        print(
            f"\n{name}: {cases} cases, mean Dice {mean or '-'} (worst {worst or '-'}), mean HD95 {distance or '-'} mm, "
            f"mean volume error {error} mm3"
        )
