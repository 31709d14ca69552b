"""Paths and addresses as arguments of commands."""

from __future__ import annotations

import argparse

from viewer.archive.address import Place, place_of
from viewer.errors import FormatError


def place(text: str) -> Place:
    """A path or an address; for `type=` of an argument.

    Raises
    ------
    argparse.ArgumentTypeError
        It is an address that cannot be used.
    """
    try:
        return place_of(text)
    except FormatError as error:
        raise argparse.ArgumentTypeError(error.user_message) from error
