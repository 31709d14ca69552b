"""Encrypted values: how each value of a volume, and each file beside it, is sealed.

AES-256-GCM and HKDF-SHA256 of the `cryptography` package, put together as follows and nothing beyond. Whoever holds the
key file can read what is described here with any other implementation of the two.

A key and what is made of it
----------------------------
The key of an archive is 32 random bytes. HKDF-SHA256 (RFC 5869) of it gives, without salt, its public name (`id`:
8 bytes with the info "triptych archive key id") and the key of the names of folders (32 bytes with "triptych archive
names": with it and HMAC-SHA256, `viewer.dicom.deidentify.new_uid` makes other UIDs of UIDs). With the 16 random bytes
that each volume and each file has as its salt, and the info "triptych sealed value", it gives the 32 bytes that encrypt
that volume or file, so that random nonces never run out.

A sealed value
--------------
====== ===== ==================================================================================
offset bytes
====== ===== ==================================================================================
0      8     "TRIPSEA1"
8      8     id of the key
16     16    salt, the same in all values of a volume
32     12    random nonce
44           ciphertext of the value, and behind it the tag of 16 bytes
====== ===== ==================================================================================

The associated data are the first 32 bytes and the name of the value in UTF-8: the key of the Zarr store
("0/c/17/0/0", "zarr.json"), or "series.json" and "slices.csv". So a value that was changed, cut short, put under
another name or into another volume does not open. Every chunk of an encrypted volume is stored, also an empty one, and
the sealed metadata say how many there are: one that is missing is a fault, not zeros.

What can be seen without the key: how many values there are and how long, when they were written, which volumes belong
to a series, series to a study, and archives to a key. A whole volume can be taken away, or put back as it once was, and
one that is not encrypted can be put in its place: `triptych archive verify` tells, since an archive says that it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from viewer.archive.extra import require
from viewer.errors import DecodeError

MAGIC = b"TRIPSEA1"
KEY_BYTES, ID_BYTES, SALT_BYTES, NONCE_BYTES, TAG_BYTES = 32, 8, 16, 12, 16
SALT_AT = len(MAGIC) + ID_BYTES
NONCE_AT = SALT_AT + SALT_BYTES
HEADER_BYTES = NONCE_AT + NONCE_BYTES
OVERHEAD = HEADER_BYTES + TAG_BYTES
"""A sealed value is so much longer than what is in it."""

DAMAGED = "An encrypted value is damaged, or was changed or exchanged; the archive cannot be trusted here."


@dataclass(frozen=True)
class ArchiveKey:
    """The key of an archive.

    Parameters
    ----------
    secret
        32 random bytes. They are shown nowhere.
    """

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Public name: 16 hexadecimal digits."""
        return derived(self.secret, b"triptych archive key id", ID_BYTES).hex()

    @property
    def names(self) -> bytes:
        """The key that makes the names of folders."""
        return derived(self.secret, b"triptych archive names", KEY_BYTES)


def derived(secret: bytes, info: bytes, length: int, salt: bytes | None = None) -> bytes:
    """HKDF-SHA256.

    Raises
    ------
    ViewerError
        The package of the extra is missing.
    """
    require("cryptography")
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return bytes(HKDF(SHA256(), length, salt, info).derive(secret))


class Seal:
    """Seals and opens the values of one volume or file; from several threads at the same time.

    Parameters
    ----------
    key
        Of the archive.
    salt
        Of the volume or file; a new one when None.

    Raises
    ------
    ViewerError
        The package of the extra is missing.
    """

    def __init__(self, key: ArchiveKey, salt: bytes | None = None) -> None:
        salt = os.urandom(SALT_BYTES) if salt is None else salt
        self._given = (key, salt)
        self._start = MAGIC + bytes.fromhex(key.id) + salt
        self._cipher = self._cipher_of(derived(key.secret, b"triptych sealed value", KEY_BYTES, salt))

    @staticmethod
    def _cipher_of(subkey: bytes) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(subkey)

    @classmethod
    def of(cls, sealed: bytes, key: ArchiveKey) -> Seal:
        """The seal of a volume or file, as one of its values names it."""
        return cls(key, sealed[SALT_AT:NONCE_AT])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seal) and self._given == other._given

    def __hash__(self) -> int:
        return hash(self._given)

    def __getstate__(self) -> tuple[ArchiveKey, bytes]:
        return self._given

    def __setstate__(self, state: tuple[ArchiveKey, bytes]) -> None:
        Seal.__init__(self, *state)

    def close(self, name: str, value: bytes) -> bytes:
        """Seal a value under its name."""
        nonce = os.urandom(NONCE_BYTES)
        sealed: bytes = self._cipher.encrypt(nonce, value, self._start + name.encode())
        return self._start + nonce + sealed

    def open(self, name: str, sealed: bytes) -> bytes:
        """The value that was sealed under a name.

        Raises
        ------
        DecodeError
            It is not what was sealed under this name in this volume.
        """
        from cryptography.exceptions import InvalidTag

        if len(sealed) < OVERHEAD or sealed[:NONCE_AT] != self._start:
            raise DecodeError(DAMAGED)
        view = memoryview(sealed)
        try:
            value: bytes = self._cipher.decrypt(
                view[NONCE_AT:HEADER_BYTES], view[HEADER_BYTES:], self._start + name.encode()
            )
        except InvalidTag as error:
            raise DecodeError(DAMAGED) from error
        return value


def is_sealed(value: bytes) -> bool:
    """Whether a value begins like a sealed one."""
    return value[: len(MAGIC)] == MAGIC


def key_id_of(sealed: bytes) -> str:
    """Id of the key a value was sealed with.

    Raises
    ------
    DecodeError
        The value is cut short.
    """
    if len(sealed) < OVERHEAD:
        raise DecodeError(DAMAGED)
    return sealed[len(MAGIC) : SALT_AT].hex()
