"""`triptych train`: fit a two-dimensional U-Net to images and labels, and judge it by cases it has never seen."""

from __future__ import annotations

import argparse
from pathlib import Path

from viewer.cli.data_set import add_folders, cases_of
from viewer.errors import ViewerError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_folders(parser)
    add = parser.add_argument
    add(
        "-o",
        "--output",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="folder of the run; continued if it is one",
    )
    add(
        "--label",
        metavar="N=NAME",
        action="append",
        required=True,
        help="label to learn, such as 1=spleen; repeatable",
    )
    add("--name", default="U-Net", help="name of the model")
    add("--licence", default="not stated", help="licence of the model")
    add(
        "--axis",
        choices=("axial", "coronal", "sagittal"),
        default="coronal",
        help="slices it sees; default: coronal",
    )
    add("--size", nargs=2, type=int, default=(512, 512), metavar=("ROWS", "COLUMNS"), help="default: 512 512")
    add(
        "--spacing",
        nargs=2,
        type=float,
        default=(),
        metavar=("ROW", "COLUMN"),
        help="mm of a pixel; default: each image's own",
    )
    add("--unit", default="HU", help='of the values where a file names none; default: HU, "" for any')
    add(
        "--window",
        nargs=2,
        type=float,
        default=(-160.0, 240.0),
        metavar=("LOW", "HIGH"),
        help="default: -160 240",
    )
    add("--epochs", type=int, default=50, help="default: 50")
    add("--batch", type=int, default=4, help="slices in a step; default: 4")
    add("--rate", type=float, default=1e-3, help="first learning rate; default: 0.001")
    add("--width", type=int, default=16, help="channels of the first level; default: 16")
    add("--depth", type=int, default=4, help="times a slice is halved; default: 4")
    add("--shrink", type=int, default=1, help="average so many pixels along each side first; default: 1")
    add(
        "--held-back",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="of the patients, to judge by; default: 0.2",
    )
    add("--validation", type=float, default=0.1, metavar="SHARE", help="to choose the epoch by; default: 0.1")
    add("--seed", type=int, default=0, help="default: 0")
    parser.epilog = (
        "A run that was stopped goes on when the same command is given again.\n"
        "FOLDER then holds model.onnx and model.toml for `triptych segment`, learning-curve.png, split.csv,\n"
        "history.csv, and evaluation.csv and evaluation.html for the cases that were held back.\n\n"
        'Needs PyTorch: pip install "triptych-viewer[train]".'
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, export, evaluate.

    Raises
    ------
    ViewerError
        A file cannot be used, an extra is missing, the folder holds another run or cannot be written to.
    """
    from viewer.cli import EXIT_OK
    from viewer.cli.evaluate import print_rows
    from viewer.cli.progress import Progress
    from viewer.segmentation.dataset import split
    from viewer.segmentation.evaluation import LIMIT_MM3, evaluate, write_page, write_table
    from viewer.segmentation.training import Settings, train

    _check(arguments)
    settings = Settings(
        name=arguments.name,
        labels=_labels(arguments.label),
        licence=arguments.licence,
        axis=arguments.axis,
        size=(arguments.size[0], arguments.size[1]),
        spacing_mm=tuple(arguments.spacing),
        unit=arguments.unit,
        window=(arguments.window[0], arguments.window[1]),
        epochs=arguments.epochs,
        batch=arguments.batch,
        rate=arguments.rate,
        width=arguments.width,
        depth=arguments.depth,
        shrink=arguments.shrink,
        seed=arguments.seed,
    )
    cases, _ = cases_of(arguments)
    parts = split(cases, arguments.held_back, arguments.validation, arguments.seed)
    folder: Path = arguments.output
    with Progress() as progress:
        history = train(parts, settings, folder, progress.show)
        rows = evaluate(folder / "model.onnx", parts.held_back, progress.show)
    write_table(folder / "evaluation.csv", rows)
    write_page(folder / "evaluation.html", settings.card(folder), rows)
    last = history[-1]
    print(
        f"{len(parts.training)} cases learned from, {len(parts.validation)} for validation, "
        f"{len(parts.held_back)} held back; loss {last.loss:.4f} after {last.epoch} epochs.\n"
    )
    print_rows(rows, LIMIT_MM3)
    return EXIT_OK


def _check(arguments: argparse.Namespace) -> None:
    """Raise ViewerError for numbers that cannot be meant."""
    for name in ("epochs", "batch", "width", "depth", "shrink"):
        if getattr(arguments, name) < 1:
            raise ViewerError(f"--{name} must be 1 or more.")
    for name in ("held_back", "validation"):
        if not 0 <= getattr(arguments, name) < 1:
            raise ViewerError(f"--{name.replace('_', '-')} is a share between 0 and 1.")
    if min(arguments.size) < 1 or any(mm <= 0 for mm in arguments.spacing) or arguments.rate <= 0:
        raise ViewerError("Sizes, spacings and the learning rate must be larger than 0.")
    if not arguments.window[0] < arguments.window[1]:
        raise ViewerError("--window takes a lower and a higher value.")


def _labels(texts: list[str]) -> dict[int, str]:
    labels = {}
    for text in texts:
        number, _, name = text.partition("=")
        if not number.isdecimal() or not 1 <= int(number) <= 255 or not name.strip():
            raise ViewerError(f'"{text}": a label is a number from 1 to 255 and a name, such as 1=spleen.')
        labels[int(number)] = name.strip()
    return labels
