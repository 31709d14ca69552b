"""Nothing that leads to the patient: what stays against the standard's own table, and what an archive then holds."""

from __future__ import annotations

import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from tests.dicom.reading import catalogue_of, filled, only_stack
from tests.needs import library
from tests.phantoms import write_pet, write_ramp
from viewer.dicom.deidentify import KEPT, METHOD, may_show_identity, new_uid, technical_tags, without_identity
from viewer.dicom.model import PixelFormat, SeriesKind

KEY = b"k" * 32

# Tags of PS3.15 2024b table E.1-1 with an action in the Basic Profile, as far as pictures and their studies have them.
_TAGS = """
00080012 00080013 00080014 00080015 00080017 00080018 00080019 00080020 00080021 00080022 00080023 00080024 00080025
0008002A 00080030 00080031 00080032 00080033 00080034 00080035 00080050 00080054 00080055 00080058 00080080 00080081
00080082 00080090 00080092 00080094 00080096 0008009C 0008009D 00080106 00080107 00080201 00081000 00081010 00081030
0008103E 00081040 00081041 00081048 00081049 00081050 00081052 00081060 00081062 00081070 00081072 00081080 00081084
00081088 00081110 00081111 00081120 00081140 00081155 00081195 00082111 00082112 00083010 00084000 00100010 00100020
00100021 00100030 00100032 00100040 00100050 00100101 00100102 00101000 00101001 00101002 00101005 00101010 00101020
00101030 00101040 00101050 00101060 00101080 00101081 00101090 00101100 00102000 00102110 00102150 00102152 00102154
00102155 00102160 00102180 001021A0 001021B0 001021C0 001021D0 001021F0 00102203 00102297 00102299 00104000 00120010
00120020 00120021 00120022 00120023 00120030 00120031 00120032 00120040 00120041 00120042 00120043 00120050 00120051
00120055 00120060 00120071 00120072 00120073 00120081 00120082 00120086 00120087 00180010 00180027 00180035 00181000
00181002 00181004 00181005 00181007 00181008 00181009 0018100A 0018100B 00181012 00181014 00181030 00181042 00181043
00181072 00181073 00181078 00181079 001811BB 00181200 00181201 00181202 00181203 00181204 00181205 00181400 00182042
00184000 00185011 0018700A 0018700C 0018700E 00189074 00189151 00189185 00189367 00189369 0018936A 00189371 00189373
0018937B 0018937F 00189424 00189516 00189517 00189623 00189701 00189804 00189919 00189937 0018A002 0018A003 0020000D
0020000E 00200010 00200027 00200052 00200200 00203401 00203403 00203405 00203406 00204000 00209158 00209161 00209164
00281199 00281214 00284000 00320012 00321020 00321021 00321030 00321032 00321033 00321060 00321066 00321067 00321070
00324000 00380004 00380010 00380011 00380014 00380020 00380021 00380060 00380061 00380062 00380300 00380400 00380500
00384000 00400001 00400002 00400003 00400006 00400007 00400009 00400010 00400011 00400012 00400241 00400242 00400243
00400244 00400245 00400250 00400251 00400253 00400254 00400275 00400280 00400310 00400512 00400513 00400551 00400555
00401001 00401002 00401004 00401005 0040100A 00401010 00401400 00402001 00402004 00402005 00402008 00402009 00402010
00402016 00402017 00402400 00403001 00404023 00404037 0040A027 0040A073 0040A075 0040A078 0040A07A 0040A07C 0040A123
0040A124 0040A730 00700084 00880140 00880200 04000100 04000115 04000550 04000561
"""
TABLE_E_1_1 = _TAGS.split()


def test_that_no_attribute_stays_on_which_the_basic_profile_acts() -> None:
    acted_on = {keyword_for_tag(int(tag, 16)) for tag in TABLE_E_1_1}
    assert "PatientName" in acted_on
    assert not KEPT & acted_on


def test_that_what_stays_exists_and_is_of_no_kind_that_holds_free_text_names_or_times() -> None:
    for keyword in KEPT:
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        vr = dictionary_VR(tag)
        assert vr not in {"PN", "DA", "TM", "DT", "AS", "LT", "ST", "UT", "UR", "SQ", "UN"}, keyword
        assert vr != "UI" or keyword == "SOPClassUID"
        assert vr != "LO" or keyword in {"Manufacturer", "ManufacturerModelName", "RescaleType"}


def test_that_uids_become_others_that_are_the_same_for_the_same_key_only() -> None:
    made = new_uid("1.2.3", KEY)
    assert made == new_uid("1.2.3", KEY) != new_uid("1.2.4", KEY)
    assert made != new_uid("1.2.3", b"x" * 32)
    assert made.startswith("2.25.")
    assert len(made) <= 64
    assert new_uid("", KEY) == ""


def test_that_tags_keep_what_is_technical_and_say_that_the_identity_was_removed() -> None:
    tags = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Secret"}]},
        "00180060": {"vr": "DS", "Value": [120]},
        "00091001": {"vr": "LO", "Value": ["private"]},
        "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
    }
    kept = technical_tags(tags, KEY)
    assert kept["00180060"]["Value"] == [120]
    assert kept["0020000E"]["Value"] == [new_uid("1.2.3", KEY)]
    assert kept["00120062"]["Value"] == ["YES"]
    assert kept["00120063"]["Value"] == [METHOD]
    assert not {"00100010", "00091001"} & kept.keys()


def test_that_a_pet_keeps_its_suv_without_weight_dose_and_times(tmp_path: Path) -> None:
    write_pet(tmp_path)
    (study,) = catalogue_of(tmp_path).studies
    (series,) = study.series
    (stack,) = series.stacks
    before = filled(stack)
    bare_study, bare_series, bare = without_identity(study, series, stack, KEY)
    assert bare.suv is None
    assert bare.suv_gap is None
    assert not bare_study.date
    assert bare_study.patient.patient_id not in ("", study.patient.patient_id)
    assert bare_series.uid == new_uid(series.uid, KEY) == bare.uid
    after = filled(bare)
    assert before.suv_factor is not None
    assert after.display_unit == "SUV"
    assert after.physical(after.array) * after.suv_factor == pytest.approx(  # type: ignore[operator]
        before.physical(before.array) * before.suv_factor, rel=1e-6
    )


def test_that_pictures_that_may_show_text_are_refused(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    stack = only_stack(tmp_path)
    yes, no = ({"00280301": {"vr": "CS", "Value": [value]}} for value in ("YES", "NO"))
    assert not may_show_identity(stack, {})
    assert may_show_identity(stack, yes)
    ultrasound = replace(stack, modality="US")
    assert may_show_identity(ultrasound, {})
    assert not may_show_identity(ultrasound, no)
    assert may_show_identity(replace(stack, kind=SeriesKind.IMAGE), {})
    assert may_show_identity(replace(stack, pixels=PixelFormat(4, 4, samples_per_pixel=3)), {})


def _fill_with_secrets(path: Path, number: int) -> None:
    """Put what can be found again into every attribute of the table that takes text, names, dates or times."""
    dataset = pydicom.dcmread(path)
    values = {"PN": "SECRET^NAME", "DA": "19770707", "TM": "070707.7", "DT": "19770707070707", "AS": "077Y"}
    for tag in TABLE_E_1_1:
        keyword = keyword_for_tag(int(tag, 16))
        vr = dictionary_VR(int(tag, 16))
        if vr in values or vr in {"LO", "SH", "LT", "ST", "UT"}:
            setattr(dataset, keyword, values.get(vr, f"SECRET{tag}"[:16]))
    dataset.PatientID = "SECRET-ID"
    dataset.add_new(0x00990010, "LO", "SECRET CREATOR")
    dataset.add_new(0x00991001, "LO", "SECRET PRIVATE")
    dataset.save_as(path)


@pytest.mark.parametrize("store", ["shard", "sqlite", "zip"])
def test_that_an_archive_holds_nothing_of_what_was_secret(store: str, tmp_path: Path) -> None:
    library("zarr")
    library("pyarrow")
    from tests.archive.hospital import archive_of
    from viewer.archive.reader import ArchiveVolume, volumes_below
    from viewer.archive.verify import Verdict, verify

    source = tmp_path / "SECRETFOLDER"
    write_ramp(source / "ct")
    write_pet(source / "pet", SeriesInstanceUID="1.2.3.4.777")
    uids = set()
    for n, path in enumerate(sorted(source.rglob("*.dcm"))):
        _fill_with_secrets(path, n)
        dataset = pydicom.dcmread(path)
        uids |= {dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID}
        uids.add(dataset.FrameOfReferenceUID)
    (source / "ct" / "im0003.dcm").write_bytes((source / "ct" / "im0003.dcm").read_bytes()[:-30])
    archive, summary = archive_of(source, tmp_path, store=store, deidentify=True)
    assert summary.counts["converted"] == 2
    secrets = [b"SECRET", b"19770707", b"070707.7", b"077Y", *(str(uid).encode() for uid in uids)]
    for path in archive.rglob("*"):
        assert not any(secret.decode() in str(path.relative_to(archive)) for secret in secrets)
        if path.is_file():
            content = _readable(path)
            assert not [secret for secret in secrets if secret in content], path.name
    for path in volumes_below(archive):
        with ArchiveVolume(path) as volume:
            assert volume.stack.geometry.oriented
            assert volume.study.patient.name == ""
    assert {checked.verdict for checked in verify(archive, None)} == {Verdict.NO_SOURCE}
    # The same key gives the same names: nothing is converted twice.
    _, again = archive_of(source, tmp_path, store=store, deidentify=True)
    assert again.counts["present"] == 2
    key = tmp_path / "manifest" / "deidentify.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert np.frombuffer(key.read_bytes(), np.uint8).size == 32


def _readable(path: Path) -> bytes:
    """The bytes of a file, and those packed in it."""
    content = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            content += b"".join(archive.read(name) for name in archive.namelist())
    if path.suffix == ".sqlite":
        with sqlite3.connect(path) as database:
            content += b"".join(
                key.encode() + value for key, value in database.execute("SELECT key, value FROM zarr")
            )
        database.close()
    return content
