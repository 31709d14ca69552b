"""The command line. Nothing heavy is imported before a command needs it: `triptych --help` answers at once.

Exit codes: 0 all well, 1 failed or nothing found, 2 wrong usage, 3 done in part (some files had problems), 130 stopped
by Ctrl+C.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from viewer import __version__
from viewer.errors import ViewerError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3
EXIT_INTERRUPTED = 130


class Command(NamedTuple):
    """A command: the module with `add_arguments(parser)` and `run(arguments) -> int`, and one line of help."""

    module: str
    text: str


COMMANDS: dict[str, Command] = {
    "demo": Command("viewer.cli.demo", "open the built-in PET/CT study, or write it to a folder"),
    "render": Command("viewer.cli.render", "make a picture without a window"),
    "info": Command("viewer.cli.info", "say what a folder holds and every problem found"),
    "segment": Command("viewer.cli.segment", "find structures with a model, and measure them"),
    "train": Command("viewer.cli.train", "fit a model to images and labels"),
    "evaluate": Command("viewer.cli.evaluate", "judge a model by cases whose labels are known"),
    "explore": Command("viewer.cli.explore", "one page about a data set of images and labels"),
    "archive": Command("viewer.cli.archive", "turn folders of DICOM into an archive of Zarr volumes"),
    "serve": Command("viewer.cli.serve", "slices of an archive or a study over HTTP, and a page with them"),
    "verify": Command("viewer.cli.verify", "compare what the viewer reads with other programs"),
}

_OPEN = Command("viewer.cli.open_window", "open the window")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of the process when None.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    SystemExit
        After `--help` and `--version` (0) and after wrong usage (2), as argparse does.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments and arguments[0] in COMMANDS else ""
    module = importlib.import_module((COMMANDS[name] if name else _OPEN).module)
    parser = _command_parser(name) if name else _top_parser()
    module.add_arguments(parser)
    parsed = parser.parse_args(_with_negative_values(arguments[1:] if name else arguments))
    level = logging.INFO if parsed.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    try:
        code = module.run(parsed)
        sys.stdout.flush()
        return int(code)
    except ViewerError as error:
        print(f"triptych: {error.user_message}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; without this Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _top_parser() -> argparse.ArgumentParser:
    width = max(len(name) for name in COMMANDS)
    commands = "\n".join(f"  {name:{width}}  {command.text}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="triptych",
        usage="triptych [options] [PATH ...]\n       triptych COMMAND [options] ...",
        description="Open DICOM studies in three linked planes.",
        epilog=(
            f"commands (each has its own --help):\n{commands}\n\n"
            "A path that is named like a command is opened with: triptych -- PATH\n\n"
            "exit codes: 0 all well, 1 failed or nothing found, 2 wrong usage, 3 done in part\n\n"
            "Not a medical device. Not for primary diagnosis or treatment decisions."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"triptych {__version__}")
    _add_common(parser)
    return parser


def _command_parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"triptych {name}",
        description=f"{COMMANDS[name].text[:1].upper()}{COMMANDS[name].text[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="write what happens to the standard error output"
    )


def _with_negative_values(arguments: list[str]) -> list[str]:
    """Join `--at -10,20,30` to `--at=-10,20,30`; argparse takes the value for an option otherwise."""
    joined: list[str] = []
    for argument in arguments:
        is_value = len(argument) > 1 and argument[0] == "-" and (argument[1].isdigit() or argument[1] == ".")
        if (
            is_value
            and joined
            and joined[-1].startswith("--")
            and "=" not in joined[-1]
            and len(joined[-1]) > 2
        ):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
