"""How pydicom is called here: quietly, by one thread at a time, and with every failure turned into one sentence."""

from __future__ import annotations

import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from viewer.errors import ViewerError

# pydicom logs and warns with the offending values, which may be the patient's. Its level would not do: importing
# pydicom sets it back.
_pydicom_log = logging.getLogger("pydicom")
_pydicom_log.propagate = False
_pydicom_log.addHandler(logging.NullHandler())

_lock = threading.RLock()


def pydicom_errors() -> tuple[type[Exception], ...]:
    """Everything pydicom was seen to raise on damaged data."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        NotImplementedError,
        ArithmeticError,
        struct.error,
        zlib.error,
        EOFError,
        AssertionError,
        RecursionError,
        MemoryError,
        BytesLengthException,
        InvalidDicomError,
    )


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings out of terminals and logs.

    One thread at a time: the list of warning filters belongs to the whole process.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def careful_pydicom(what: str = "The header") -> Iterator[None]:
    """The same, and failures of pydicom become a sentence about `what`.

    Raises
    ------
    ViewerError
        pydicom gave up.
    OSError
        The file cannot be read.
    """
    try:
        with quiet_pydicom():
            yield
    except RecursionError as error:
        raise ViewerError("The file nests sequences too deeply to be read.") from error
    except MemoryError as error:
        raise ViewerError("The file announces more data than fits into memory.") from error
    except OSError as error:
        # pydicom raises it without a number for sequences that end early; with one the disk is meant.
        if error.errno is not None:
            raise
        raise ViewerError(f"{what} is damaged and cannot be read.") from error
    except pydicom_errors() as error:
        raise ViewerError(f"{what} is damaged and cannot be read ({type(error).__name__}).") from error
