"""`triptych serve`: slices of an archive or a study over HTTP, with a page that shows them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from viewer.errors import ViewerError

DEFAULT_PORT = 8642
_SHORTEST_TOKEN = 16
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from viewer.cli.places import place

    add = parser.add_argument
    add(
        "paths",
        metavar="PATH",
        nargs="+",
        type=place,
        help="archive, folder, DICOM file, DICOMDIR, .zip or .nii, or an address (https://, s3://)",
    )
    add("--host", default="127.0.0.1", help="address to listen at; default: 127.0.0.1, this computer alone")
    add(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help=f"default: {DEFAULT_PORT}; 0 takes any that is free",
    )
    add(
        "--allow-host", metavar="NAME", action="append", default=[], help="name this service is known by, too"
    )
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token", type=_token, help="what callers must know; default: a random one")
    token.add_argument("--token-file", metavar="FILE", type=Path, help="file whose first line is the token")
    add("--identity", action="store_true", help="say who the patients are, and where the files lie")
    add("--registry", metavar="FILE", type=Path, help="SQLite file that keeps a list of all scans served")
    add(
        "--memory",
        metavar="GB",
        type=_gigabytes,
        help="of volumes read and kept; default: half of the memory",
    )
    parser.epilog = (
        'Needs the packages of: pip install "triptych-viewer[serve]". Addresses are described at /openapi.json.\n\n'
        "The connection is not encrypted. Put a proxy with TLS in front of it before other computers use it.\n"
        "Not a medical device. Not for primary diagnosis or treatment decisions.\n\n"
        "exit codes: 1 nothing to serve or no such address, 2 wrong usage, 130 ended by Ctrl+C"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl+C or SIGTERM.

    Raises
    ------
    ViewerError
        A package is missing, there is nothing to serve, or the address cannot be used.
    """
    from viewer.cli import EXIT_OK
    from viewer.service.extra import require

    require()
    from viewer.loading.cancel import CancelToken
    from viewer.service.app import Service, make_app
    from viewer.service.registry import Registry
    from viewer.service.server import bound, is_loopback, new_token, serve
    from viewer.service.shelf import Shelf, find

    token = arguments.token or (_token_of(arguments.token_file) if arguments.token_file else new_token())
    waiting = bound(arguments.host, arguments.port)
    try:
        print("reading headers ...", flush=True)
        found = find(arguments.paths, CancelToken())
        shelf = Shelf(found, arguments.memory)
        registry = Registry(arguments.registry)
        registry.add(shelf.scans, arguments.paths)
    except BaseException:
        waiting.close()
        raise
    service = Service(shelf, registry, identity=arguments.identity)
    host, port = waiting.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host

    def started() -> None:
        count = len(shelf.scans)
        print(f"{count} volume{'' if count == 1 else 's'}; {len(found.problems)} problems while reading")
        if not is_loopback(host):
            print("Other computers reach this service, and the connection is not encrypted.")
        own = not (arguments.token or arguments.token_file)
        print(f"http://{shown}:{port}/?token={token if own else '...'}", flush=True)

    serve(make_app(service, token, tuple(arguments.allow_host)), waiting, started)
    return EXIT_OK


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _gigabytes(text: str) -> int:
    value = float(text)
    if not 0.01 <= value <= 1e5:
        raise argparse.ArgumentTypeError("0.01 to 100000 GB")
    return int(value * 1e9)


def _token(text: str) -> str:
    if len(text) < _SHORTEST_TOKEN or not _TOKEN.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"a token has at least {_SHORTEST_TOKEN} characters: letters, digits and . _ ~ + / = -"
        )
    return text


def _token_of(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return _token(lines[0].strip() if lines else "")
    except (OSError, UnicodeDecodeError) as error:
        raise ViewerError(f"{file.name}: the file with the token cannot be read.") from error
    except argparse.ArgumentTypeError as error:
        raise ViewerError(f"{file.name}: {error}.") from error
