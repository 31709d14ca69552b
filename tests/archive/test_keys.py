"""Key files, where keys are looked for, and the construction of sealed values against its primitives."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.needs import library
from viewer.archive import keys
from viewer.archive.keys import (
    ENVIRONMENT,
    MARK,
    add_key,
    find_key,
    lent,
    make_key,
    mark,
    needed_key,
    only,
    private_folder,
    read_key,
)
from viewer.archive.sealing import OVERHEAD, ArchiveKey, Seal, is_sealed, key_id_of
from viewer.cli import EXIT_FAILED, EXIT_OK, main
from viewer.errors import DecodeError, ExportError, FormatError, ViewerError

library("cryptography")

KEY = ArchiveKey(bytes(range(32)))


@pytest.fixture(autouse=True)
def no_keys_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "config_dir", lambda: tmp_path / "settings")
    monkeypatch.setenv(ENVIRONMENT, "")


# --- Files -------------------------------------------------------------------------------------------------------


def test_that_a_new_key_is_for_this_user_alone_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "my.key"
    key = make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name == "nt"
    assert read_key(path) == key
    assert len(key.secret) == 32
    before = path.read_bytes()
    with pytest.raises(ExportError, match="there already"):
        make_key(path)
    assert path.read_bytes() == before
    assert make_key(tmp_path / "other.key") != key


def test_that_a_key_is_shown_in_no_text() -> None:
    assert KEY.secret.hex() not in repr(KEY) + str(KEY)
    assert repr(KEY.secret) not in repr(KEY)
    assert KEY.id not in KEY.secret.hex()


def _first_line(text: str) -> str:
    return text.replace("triptych", "another")


def _digit_of_the_key(text: str) -> str:
    return text[:-2] + ("0" if text[-2] != "0" else "1") + "\n"


def _digit_of_the_id(text: str) -> str:
    at = text.index("id: ") + 4
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


def _too_short(text: str) -> str:
    return text[:-3]


def _no_key(text: str) -> str:
    return text[: text.index("key:")]


def _empty(text: str) -> str:
    return ""


def _noise(text: str) -> str:
    return "\0\xff" * 9000


@pytest.mark.parametrize(
    "fault, words",
    [
        (_first_line, "no key file"),
        (_digit_of_the_key, "damaged"),
        (_digit_of_the_id, "damaged"),
        (_too_short, "damaged"),
        (_no_key, "damaged"),
        (_empty, "no key file"),
        (_noise, "no key file"),
    ],
)
def test_that_a_damaged_key_file_is_one_sentence(
    fault: Callable[[str], str], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "my.key"
    make_key(path)
    path.write_text(fault(path.read_text()), encoding="utf-8")
    with pytest.raises(FormatError, match=f"^my.key: .*{words}"):
        read_key(path)


def test_that_a_key_file_survives_mail_and_editors(tmp_path: Path) -> None:
    path = tmp_path / "my.key"
    key = make_key(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert read_key(path) == key


def test_that_the_command_makes_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.key"
    assert main(["archive", "key", "-o", str(path)]) == EXIT_OK
    told = capsys.readouterr().out
    assert read_key(path).id in told
    assert read_key(path).secret.hex() not in told
    assert str(private_folder()) in told
    assert main(["archive", "key", "-o", str(path)]) == EXIT_FAILED
    assert "there already" in capsys.readouterr().err


# --- The ring ----------------------------------------------------------------------------------------------------


def test_that_keys_are_found_in_files_and_folders_that_are_named_and_in_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    named, within = make_key(tmp_path / "named"), make_key(tmp_path / "folder" / "a.key")
    private_folder().mkdir(parents=True)
    own = make_key(private_folder() / "b.key")
    hidden = make_key(tmp_path / "elsewhere.key")
    (tmp_path / "folder" / "0.key").write_text("no key at all")
    (tmp_path / "folder" / "folder.key").mkdir()
    places = (tmp_path / "named", tmp_path / "folder")
    monkeypatch.setenv(ENVIRONMENT, os.pathsep.join(map(str, places)))
    for key in (named, within, own):
        assert find_key(key.id) == key
    with pytest.raises(FormatError) as error:
        find_key(hidden.id)
    sentence = error.value.user_message
    assert hidden.id in sentence
    assert str(private_folder()) in sentence
    assert ENVIRONMENT in sentence
    assert "0.key: this is no key file" in sentence, "perhaps it was meant to be the one"
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "gone"))
    with pytest.raises(FormatError, match="gone: the key file cannot be read"):
        find_key(hidden.id)
    assert find_key(own.id) == own


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_that_a_place_that_may_not_be_looked_at_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "locked" / "my.key"))
    with pytest.raises(FormatError, match=r"my\.key: the key file cannot be read"):
        find_key(KEY.id)


def test_that_a_key_is_added_once_it_was_checked_and_for_this_user_alone(tmp_path: Path) -> None:
    key = make_key(tmp_path / "my.key")
    private_folder().mkdir(parents=True, mode=0o755)
    for _ in range(2):
        assert add_key(tmp_path / "my.key") == key
    (path,) = private_folder().iterdir()
    assert find_key(key.id) == key
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(private_folder().stat().st_mode) == 0o700
    path.chmod(0o600)
    path.write_text("damaged")
    assert add_key(tmp_path / "my.key") == key
    assert find_key(key.id) == key
    (tmp_path / "bad.key").write_text("damaged")
    with pytest.raises(FormatError, match=r"bad\.key"):
        add_key(tmp_path / "bad.key")
    assert list(private_folder().iterdir()) == [path]


def test_that_a_lent_key_is_found_before_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "other"))
    key = make_key(tmp_path / "my.key")
    archive = tmp_path / "archive"
    archive.mkdir()
    with pytest.raises(ViewerError, match="archive is not encrypted"), lent(tmp_path / "my.key", archive):
        pass
    mark(archive, KEY)
    other = f"encrypted with the key {KEY.id}, not with {key.id}"
    with pytest.raises(ViewerError, match=other), lent(tmp_path / "my.key", archive):
        pass
    (archive / MARK).unlink()
    mark(archive, key)
    with lent(tmp_path / "my.key", archive) as given:
        assert given == find_key(key.id) == key
    with pytest.raises(FormatError, match=key.id):
        find_key(key.id)


def test_that_a_lent_key_may_lie_at_a_path_with_the_separator_of_lists(tmp_path: Path) -> None:
    folder = tmp_path / f"a{os.pathsep}b"
    folder.mkdir()
    key = make_key(folder / "my.key")
    archive = tmp_path / "archive"
    archive.mkdir()
    mark(archive, key)
    with lent(folder / "my.key", archive):
        assert find_key(key.id) == key


def test_that_a_key_whose_place_is_taken_by_what_cannot_be_removed_is_a_sentence(tmp_path: Path) -> None:
    key = make_key(tmp_path / "my.key")
    (keys.private_folder() / f"{key.id}.key" / "full").mkdir(parents=True)
    with pytest.raises(ViewerError):
        add_key(tmp_path / "my.key")


def test_that_one_key_alone_does_not_open_what_another_closed() -> None:
    assert only(KEY)(KEY.id) == KEY
    with pytest.raises(FormatError, match=f"with the key 00ff, not with {KEY.id}"):
        only(KEY)("00ff")


# --- Which key an archive needs ----------------------------------------------------------------------------------


def test_that_an_archive_is_encrypted_with_one_key_or_not_at_all(tmp_path: Path) -> None:
    mark(tmp_path, KEY)
    mark(tmp_path, KEY)
    assert needed_key(tmp_path) == KEY.id
    with pytest.raises(ViewerError, match="encrypted with the key"):
        mark(tmp_path, None)
    with pytest.raises(ViewerError, match="not with"):
        mark(tmp_path, ArchiveKey(bytes(32)))
    (tmp_path / MARK).write_text('{"key": "12"}')
    with pytest.raises(FormatError, match="damaged"):
        needed_key(tmp_path)
    plain = tmp_path / "plain"
    (plain / ".partial").mkdir(parents=True)
    mark(plain, None)
    assert needed_key(plain) == ""
    (plain / "1.2.3").mkdir()
    with pytest.raises(ViewerError, match="not encrypted"):
        mark(plain, KEY)


# --- Sealed values -----------------------------------------------------------------------------------------------


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 by HMAC alone."""
    extracted = hmac.digest(salt or bytes(32), secret, hashlib.sha256)
    okm, block = b"", b""
    for n in range(1, -(-length // 32) + 1):
        block = hmac.digest(extracted, block + info + bytes([n]), hashlib.sha256)
        okm += block
    return okm[:length]


def test_that_the_oracle_is_the_hkdf_of_the_first_test_case_of_rfc_5869() -> None:
    okm = hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert okm.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def open_as_described(secret: bytes, name: str, sealed: bytes) -> bytes:
    """Open a sealed value by the text of `viewer.archive.sealing`, with primitives alone."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES256
    from cryptography.hazmat.primitives.ciphers.modes import GCM

    assert sealed[:8] == b"TRIPSEA1"
    assert sealed[8:16] == hkdf(secret, b"", b"triptych archive key id", 8)
    subkey = hkdf(secret, sealed[16:32], b"triptych sealed value", 32)
    decryptor = Cipher(AES256(subkey), GCM(sealed[32:44], sealed[-16:])).decryptor()
    decryptor.authenticate_additional_data(sealed[:32] + name.encode())
    return decryptor.update(sealed[44:-16]) + decryptor.finalize()


def test_that_sealed_values_are_what_the_text_says() -> None:
    seal = Seal(KEY)
    for value in (b"", b"x", os.urandom(100_000)):
        sealed = seal.close("0/c/1/0/0", value)
        assert len(sealed) == len(value) + OVERHEAD == len(value) + 60
        assert is_sealed(sealed)
        assert key_id_of(sealed) == KEY.id
        assert open_as_described(KEY.secret, "0/c/1/0/0", sealed) == value
        assert Seal.of(sealed, KEY).open("0/c/1/0/0", sealed) == value
    assert KEY.names == hkdf(KEY.secret, b"", b"triptych archive names", 32)


def test_that_a_value_opens_in_its_place_alone() -> None:
    seal, name, value = Seal(KEY), "0/c/1/0/0", b"values of a slice"
    sealed = seal.close(name, value)
    assert seal.open(name, sealed) == value
    others = [
        (seal, "0/c/2/0/0", sealed),
        (Seal(KEY), name, sealed),
        (Seal(ArchiveKey(bytes(32))), name, sealed),
        (seal, name, sealed[:-1]),
        (seal, name, sealed[:50]),
        (seal, name, b""),
        (seal, name, sealed + b"\0"),
        *(
            (seal, name, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
            for at in range(len(sealed))
        ),
    ]
    for other, other_name, content in others:
        with pytest.raises(DecodeError, match="damaged"):
            other.open(other_name, content)
    with pytest.raises(DecodeError):
        key_id_of(sealed[:20])


def test_that_the_same_value_is_never_sealed_alike() -> None:
    seal = Seal(KEY)
    nonces = {seal.close("a", b"value")[32:44] for _ in range(1000)}
    assert len(nonces) == 1000
    assert Seal(KEY).close("a", b"")[16:32] != Seal(KEY).close("a", b"")[16:32]


def test_that_a_seal_works_in_threads_and_in_other_processes() -> None:
    seal = pickle.loads(pickle.dumps(Seal(KEY)))
    values = [os.urandom(5000) for _ in range(200)]
    with ThreadPoolExecutor(4) as pool:
        sealed = list(pool.map(lambda value: seal.close("a", value), values))
        assert list(pool.map(lambda value: seal.open("a", value), sealed)) == values
