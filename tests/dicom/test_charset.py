"""Character sets and person names: the byte strings of PS3.3 and PS3.5 Annex H to K, pydicom as second reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes

from tests.hostile.elements import put
from tests.phantoms import write_ramp
from viewer.dicom.charset import clean_text, decode, decode_text, format_person_name
from viewer.dicom.index import Indexer
from viewer.dicom.tags import tag_rows
from viewer.dicom.values import CHARSET_GUESSED

PN_DELIMITERS = {0x5E, 0x3D}

JAPANESE_87 = bytes.fromhex(
    "59616d6164615e5461726f753d1b24423b3345441b28425e1b244242404f3a1b28423d"
    "1b2442246424 5e24401b28425e1b2442243f246d24261b2842".replace(" ", "")
)
JAPANESE_13 = bytes.fromhex(
    "d4cfc0de5ec0dbb33d1b24423b3345441b284a5e1b244242404f3a1b284a3d"
    "1b24422464245e24401b284a5e1b2442243f246d24261b284a"
)
KOREAN = b"Hong^Gildong=" + b"=".join(
    b"^".join(b"\x1b$)C" + part.encode("euc_kr") for part in group.split("^"))
    for group in ("洪^吉洞", "홍^길동")
)
CHINESE_58 = bytes.fromhex("5a68616e675e5869616f446f6e673d1b242941d5c55e1b242941d0a1b6ab3d")


@pytest.mark.parametrize(
    "value,charsets,expected",
    [
        (JAPANESE_87, ("", "ISO 2022 IR 87"), "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (JAPANESE_13, ("ISO 2022 IR 13", "ISO 2022 IR 87"), "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (KOREAN, ("", "ISO 2022 IR 149"), "Hong^Gildong=洪^吉洞=홍^길동"),
        ("Wang^XiaoDong=王^小东".encode("gb18030"), ("GB18030",), "Wang^XiaoDong=王^小东"),
        ("Wang^XiaoDong=王^小東".encode(), ("ISO_IR 192",), "Wang^XiaoDong=王^小東"),
        ("Люкceмбypг".encode("iso8859_5"), ("ISO_IR 144",), "Люкceмбypг"),
        ("Äneas^Rüdiger".encode("latin_1"), ("ISO_IR 100",), "Äneas^Rüdiger"),
        ("Διονυσιος".encode("iso8859_7"), ("ISO_IR 126",), "Διονυσιος"),
        ("نزار^قباني".encode("iso8859_6"), ("ISO_IR 127",), "نزار^قباني"),
        ("שרון^דבורה".encode("iso8859_8"), ("ISO_IR 138",), "שרון^דבורה"),
    ],
)
def test_that_J26_J27_names_in_every_script_decode_as_a_second_reader_does(
    value: bytes, charsets: tuple[str, ...], expected: str
) -> None:
    assert decode_text(value, charsets) == expected
    assert not decode(value, charsets).guessed
    assert decode_bytes(value, convert_encodings(list(charsets)), PN_DELIMITERS) == expected


def test_that_J28_chinese_escapes_do_not_stay_in_the_text() -> None:
    assert decode_text(CHINESE_58, ("", "ISO 2022 IR 58")) == "Zhang^XiaoDong=张^小东="
    assert format_person_name(decode_text(CHINESE_58, ("", "ISO 2022 IR 58"))) == "ZHANG, XiaoDong (张 小东)"


def test_that_J28_escapes_are_resolved_even_when_the_set_is_not_declared() -> None:
    assert decode_text(CHINESE_58) == "Zhang^XiaoDong=张^小东="


@pytest.mark.parametrize(
    "value,charsets",
    [
        ("Müller".encode(), ()),
        ("Müller".encode("latin_1"), ()),
        ("Müller".encode("latin_1"), ("ISO_IR 6",)),
        ("Müller".encode(), ("NOT A SET",)),
    ],
)
def test_that_J29_undeclared_bytes_are_read_as_utf8_if_they_can_be_and_marked_as_guessed(
    value: bytes, charsets: tuple[str, ...]
) -> None:
    found = decode(value, charsets)
    assert (found.text, found.guessed) == ("Müller", True)


def test_that_J29_a_misspelt_set_is_understood_and_invalid_bytes_never_raise() -> None:
    assert decode_text("Müller".encode("latin_1"), ("LATIN1",)) == "Müller"
    assert decode_text("Müller".encode("latin_1"), ("ISO-IR_100",)) == "Müller"
    broken = decode(b"M\xc3(ller", ("ISO_IR 192",))
    assert "ller" in broken.text
    assert broken.guessed


@pytest.mark.parametrize(
    "charset,raw,shown,guessed",
    [
        (b"", "Müller^Jörg".encode("latin_1"), "MÜLLER, Jörg", True),
        (b"", "Müller^Jörg".encode(), "MÜLLER, Jörg", True),
        (b"NOT A SET ", "Müller^Jörg".encode(), "MÜLLER, Jörg", True),
        (b"ISO_IR 100", "Müller^Jörg".encode("latin_1"), "MÜLLER, Jörg", False),
        (b"ISO_IR 192", "Müller^Jörg".encode(), "MÜLLER, Jörg", False),
        (b"", b"Mueller^Joerg", "MUELLER, Joerg", False),
    ],
)
def test_that_J29_the_user_is_told_of_a_guessed_character_set(
    charset: bytes, raw: bytes, shown: str, guessed: bool, tmp_path: Path
) -> None:
    write_ramp(tmp_path)
    indexer = Indexer()
    for path in sorted(tmp_path.iterdir()):
        put(path, 0x00080005, charset)
        put(path, 0x00100010, raw + b" " * (len(raw) % 2))
        indexer.add(path)
    (study,) = indexer.catalogue(complete=True).studies
    assert (study.patient.name, study.patient.name_guessed) == (shown, guessed)
    (series,) = study.series
    assert (CHARSET_GUESSED in series.stacks[0].warnings) == guessed
    name = next(row for row in tag_rows(path) if row.tag == "(0010,0010)")
    assert name.value == raw.decode("latin_1" if b"\xfc" in raw else "utf_8") + (
        " (character set guessed)" if guessed else ""
    )


def test_that_J28_the_tag_list_shows_no_escapes(tmp_path: Path) -> None:
    path = sorted(write_ramp(tmp_path).iterdir())[0]
    put(path, 0x00080005, b"\\ISO 2022 IR 58")
    put(path, 0x00100010, CHINESE_58)
    name = next(row for row in tag_rows(path) if row.tag == "(0010,0010)")
    assert name.value == "Zhang^XiaoDong=张^小东="


def test_that_a_delimiter_switches_back_to_the_first_set() -> None:
    latin = b"\x1b-F" + "Δ".encode("iso8859_7") + b"^" + "Ä".encode("latin_1")
    assert decode_text(latin, ("ISO 2022 IR 100", "ISO 2022 IR 126")) == "Δ^Ä"


@given(
    st.binary(max_size=60),
    st.lists(st.sampled_from(["", "ISO 2022 IR 87", "ISO 2022 IR 149", "ISO_IR 192", "X"])),
)
def test_that_no_bytes_break_the_decoder_and_cleaned_text_is_one_plain_line(
    value: bytes, charsets: list[str]
) -> None:
    text = clean_text(decode_text(value, charsets))
    assert len(text) <= 256
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2028\u200f" for c in text)
    text.encode("utf-8")


def test_that_J25_controls_escapes_and_direction_marks_never_reach_the_screen() -> None:
    assert clean_text("A\x00B\x1b[31mC\r\nD\u202eE\x85F\tG") == "ABC DE F G"
    assert clean_text("\u2066x\u2069\ufeff \u2028 y") == "x y"
    assert clean_text("bad\ud800") == "bad\ufffd"
    long = clean_text("n" * 5000)
    assert len(long) == 256
    assert long.endswith("…")


@pytest.mark.parametrize(
    "raw,shown",
    [
        ("Doe^Jane", "DOE, Jane"),
        ("Adams^John Robert Quincy^^Rev.^B.A. M.Div.", "ADAMS, Rev. John Robert Quincy, B.A. M.Div."),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "YAMADA, Tarou (山田 太郎)"),
        ("=山田^太郎", "山田 太郎"),
        ("==やまだ^たろう", "やまだ たろう"),
        ("Müller^Ähn", "MÜLLER, Ähn"),
        ("^Given", "Given"),
        ("ANONYMOUS", "ANONYMOUS"),
        ("PETDRO PHANTOM", "PETDRO PHANTOM"),
        ("", ""),
        ("^^^^", ""),
        ("Doe\n\x1b]^Jane\x07", "DOE, Jane"),
    ],
)
def test_that_E40_a_person_name_reads_family_first_with_the_ideographic_name_behind(
    raw: str, shown: str
) -> None:
    assert format_person_name(raw) == shown


def test_that_J25_a_name_of_5000_characters_is_elided() -> None:
    assert len(format_person_name("N" * 5000 + "^Jane")) <= 64
