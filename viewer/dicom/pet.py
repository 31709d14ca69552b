"""What the headers of a PET series say about its SUV (PS3.3 C.8.9.1, C.8.9.2, C.8.9.4, C.8.22; rules D05-D13).

Only reading happens here; `viewer.imaging.suv` decides. Values are taken from the raw text of the elements, so that a
malformed number or a private element without a dictionary entry costs that value, not the series.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from viewer.dicom.charset import clean_text
from viewer.imaging.suv import Given, SuvFrame, SuvInputs
from viewer.imaging.suv_times import elapsed_s

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

UNIT_TEXT = {
    "BQML": "Bq/mL",
    "GML": "g/mL",
    "CM2ML": "cm2/mL",
    "CNTS": "counts",
    "PROPCNTS": "proportional to counts",
    "CPS": "counts/s",
    "PROPCPS": "proportional to counts/s",
    "1CM": "1/cm",
    "PCNT": "%",
    "MLMING": "mL/min/g",
    "MLMINML": "mL/min/mL",
    "UMOLMINML": "umol/min/mL",
    "MGMINML": "mg/min/mL",
    "MLG": "mL/g",
    "UMOLML": "umol/mL",
    "STDDEV": "standard deviations",
}
"""Units (0054,1001) as shown (rule D02); values that are not an SUV keep their own name."""

# Name, half-life in seconds, and codes of CID 4020 in SNOMED CT and SRT.
_NUCLIDES = (
    ("F-18", 6586.2, ("77004003", "C-111A1")),
    ("Ga-68", 4057.7, ("35337001", "C-131A3")),
    ("C-11", 1223.4, ("40565003", "C-105A1")),
    ("N-13", 598.0, ("21576001", "C-107A1")),
    ("O-15", 122.24, ("129504001", "C-B1038")),
    ("Cu-64", 45722.0, ("3932008", "C-127A2")),
    ("Zr-89", 282276.0, ("63360001", "C-168A4")),
    ("I-124", 360806.0, ("40937006", "C-114A5")),
)
_ELEMENTS = {
    "fluorine": "F",
    "fluor": "F",
    "gallium": "Ga",
    "carbon": "C",
    "nitrogen": "N",
    "oxygen": "O",
    "copper": "Cu",
    "zirconium": "Zr",
    "iodine": "I",
}

_MANUFACTURERS = {
    "Philips PET Private Group": re.compile(r"philips", re.IGNORECASE),
    "GEMS_PETD_01": re.compile(r"^(ge\b|gems\b|general electric)", re.IGNORECASE),
    "SIEMENS MED PT": re.compile(r"siemens|\bcti\b|\bcps\b", re.IGNORECASE),
}


def unit_text(units: str, suv_type: str = "") -> str:
    """Unit of PET values as shown: "Bq/mL", "counts", "g/mL (LBM)", ...; empty for NONE and unknown ones."""
    text = UNIT_TEXT.get(units.strip().upper(), "")
    kind = suv_type.strip().upper()
    return f"{text} ({kind})" if text and kind and kind != "BW" else text


def suv_inputs(datasets: Sequence[Dataset], earliest: dt.datetime | None = None) -> SuvInputs:
    """Collect what an SUV needs from the headers of one PET series.

    Parameters
    ----------
    datasets
        Headers of all slices, in slice order, pixel data not needed; or one multi-frame object. All slices matter:
        the decay reference is checked against the earliest acquisition of the series (D05).
    earliest
        Start of the first acquisition of the whole series when `datasets` are only a part of it, such as one time of
        a dynamic scan.

    Returns
    -------
    SuvInputs
        One frame per slice or per frame of a multi-frame object; nothing is judged yet.

    Raises
    ------
    ValueError
        `datasets` is empty.
    """
    if not datasets:
        raise ValueError("a PET series has at least one slice")
    reader = _SeriesReader(datasets)
    frames = tuple(frame for dataset in datasets for frame in _frames(dataset, reader))
    nuclide, known_s = reader.nuclide()
    return SuvInputs(
        frames=frames,
        modality=_text(datasets[0], 0x00080060).upper(),
        units=reader.units(),
        suv_type=reader.same_text("suv_type", 0x00541006).upper(),
        decay_correction=reader.decay_correction(),
        corrections=frozenset.intersection(*(_corrections(dataset) for dataset in datasets)),
        weight_kg=reader.same_number("weight_kg", "(0010,1030)", 0x00101030),
        height_cm=reader.height_cm(),
        sex=reader.sex(),
        dose_bq=reader.same_number("dose_bq", "(0018,1074)", 0x00181074, in_item=True),
        half_life_s=reader.half_life_s(nuclide, known_s),
        radionuclide=nuclide,
        known_half_life_s=known_s,
        injection=reader.injection(),
        injection_time=reader.injection_time(),
        decay_reference=reader.standard_moment("(0018,9701)", 0x00189701),
        series_start=reader.series_start(),
        ge_scan=reader.private_moment(0x0009, 0x0D, "GEMS_PETD_01"),
        siemens_reference=reader.private_moment(0x0071, 0x22, "SIEMENS MED PT"),
        # All frames of an enhanced object, of which a stack may take only some.
        series_earliest=first_moment([earliest, *(frame.acquisition for frame in frames)]),
        conflicts=frozenset(reader.conflicts),
        warnings=tuple(dict.fromkeys(reader.warnings)),
    )


# --- Dates and times (D08) --------------------------------------------------------------------------------------


def parse_date(text: str) -> dt.date | None:
    """Date of a DA value: YYYYMMDD, also the old YYYY.MM.DD; None when it is none."""
    match = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})", text.strip())
    if match is None:
        return None
    try:
        return dt.date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def parse_time(text: str) -> dt.time | None:
    """Time of a TM value: HH, HHMM, HHMMSS or HHMMSS.F to HHMMSS.FFFFFF, also HH:MM:SS; None when it is none."""
    match = re.fullmatch(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", text.strip())
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    # 60 is a leap second (PS3.5 6.2), which Python's clock does not know.
    seconds = 59 if second == "60" else int(second or 0)
    try:
        return dt.time(int(hour), int(minute or 0), seconds, int((fraction or "").ljust(6, "0")))
    except ValueError:
        return None


def parse_offset(text: str) -> dt.timezone | None:
    """Zone of an offset from UTC, &ZZXX: "+0100", "-0530"; None when it is none."""
    match = re.fullmatch(r"([+-])(\d{2})(\d{2})", text.strip())
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    if minutes > 14 * 60:
        return None
    return dt.timezone(dt.timedelta(minutes=-minutes if match[1] == "-" else minutes))


def parse_datetime(text: str, zone: dt.timezone | None = None) -> dt.datetime | None:
    """Moment of a DT value, YYYYMMDDHH[MM[SS[.FFFFFF]]][&ZZXX]; None without at least date and hour.

    Parameters
    ----------
    text
        The value.
    zone
        Zone of the data set (0008,0201), for values without an offset of their own.
    """
    match = re.fullmatch(r"(\d{8})(\d{2}[\d.]*)([+-]\d{4})?", text.strip())
    if match is None:
        return None
    date, time = parse_date(match[1]), parse_time(match[2])
    if date is None or time is None:
        return None
    return dt.datetime.combine(date, time, parse_offset(match[3]) if match[3] else zone)


def acquisition_moment(
    date: str, time: str, moment: str, series_date: str, zone: dt.timezone | None
) -> dt.datetime | None:
    """When a slice was acquired; None when the header does not say.

    Parameters
    ----------
    date, time, moment
        Acquisition Date (0008,0022), Time (0008,0032) and DateTime (0008,002A).
    series_date
        Series Date (0008,0021), for a time without any date.
    zone
        Of the data set.
    """
    found = _combined(date, time, zone) or parse_datetime(moment, zone)
    return _combined(series_date, time, zone) if found is None and not date else found


def _combined(date: str, time: str, zone: dt.timezone | None) -> dt.datetime | None:
    day, clock = parse_date(date), parse_time(time)
    return None if day is None or clock is None else dt.datetime.combine(day, clock, zone)


def _zone(dataset: Dataset) -> dt.timezone | None:
    return parse_offset(_text(dataset, 0x00080201))


def _moment(dataset: Dataset, date_tag: int, time_tag: int) -> dt.datetime | None:
    return _combined(_text(dataset, date_tag), _text(dataset, time_tag), _zone(dataset))


# --- Elements ---------------------------------------------------------------------------------------------------


def _text(dataset: Dataset, tag: int) -> str:
    """First value of an element as plain text, empty when absent; never converts, so it never fails."""
    return _texts(dataset, tag)[0]


def _texts(dataset: Dataset, tag: int) -> list[str]:
    value = dataset.get_item(tag).value if tag in dataset else None
    if value is None:
        return [""]
    if isinstance(value, bytes):
        text = value.decode("latin_1")
    elif isinstance(value, (str, int, float)):
        text = str(value)
    elif isinstance(value, Iterable):
        text = "\\".join(str(part) for part in value)
    else:
        text = str(value)
    parts = (part.strip(" \0") for part in text.split("\\"))
    return [part if part.isprintable() else clean_text(part) for part in parts]


def _number(text: str) -> float | None:
    """A decimal string, also with a comma; None when it is no finite number."""
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _items(dataset: Dataset, tag: int) -> Sequence[Dataset]:
    """Items of a sequence, nothing when it is absent or no sequence."""
    if tag not in dataset:
        return ()
    value = dataset[tag].value
    return value if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else ()


def _corrections(dataset: Dataset) -> frozenset[str]:
    """Corrected Image (0028,0051), or what an enhanced object says instead (PS3.3 C.8.22.2)."""
    found = {value.upper() for value in _texts(dataset, 0x00280051)} - {""}
    for tag, name in ((0x00189758, "DECY"), (0x00189759, "ATTN"), (0x00189760, "SCAT")):
        if _text(dataset, tag).upper() == "YES":
            found.add(name)
    return frozenset(found)


# --- Slices -----------------------------------------------------------------------------------------------------


def _frames(dataset: Dataset, reader: _SeriesReader) -> list[SuvFrame]:
    groups = _items(dataset, 0x52009230)
    if groups:
        return [_enhanced_frame(dataset, group) for group in groups]
    return [
        SuvFrame(
            acquisition=reader.acquisition(dataset),
            reference_s=_seconds(_text(dataset, 0x00541300)),
            duration_s=_seconds(_text(dataset, 0x00181242)),
            philips_suv_scale=_positive(reader.private(dataset, 0x7053, 0x00, "Philips PET Private Group")),
            philips_activity_scale=_positive(
                reader.private(dataset, 0x7053, 0x09, "Philips PET Private Group")
            ),
        )
    ]


def _enhanced_frame(dataset: Dataset, group: Dataset) -> SuvFrame:
    """A frame of an enhanced object: Frame Content (PS3.3 C.7.6.16.2.2)."""
    content = next(iter(_items(group, 0x00209111)), group)
    return SuvFrame(
        acquisition=parse_datetime(_text(content, 0x00189074), _zone(dataset)),
        duration_s=_seconds(_text(content, 0x00189220)),
    )


def _seconds(milliseconds: str) -> float | None:
    number = _number(milliseconds)
    return None if number is None else number / 1000.0


def _positive(text: str) -> float | None:
    number = _number(text)
    return number if number is not None and number > 0 else None


class _SeriesReader:
    """Values that belong to the whole series; remembers what differs between slices and what was assumed."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        self._datasets = datasets
        self._radio = [next(iter(_items(dataset, 0x00540016)), None) for dataset in datasets]
        self.conflicts: set[str] = set()
        self.warnings: list[str] = []
        if any(len(_items(dataset, 0x00540016)) > 1 for dataset in datasets):
            self.warnings.append("The header lists several radiopharmaceuticals; the first one was used.")

    def _distinct(self, tag: int, *, in_item: bool = False) -> list[str]:
        """Different non-empty texts of an element, in slice order."""
        sources = self._radio if in_item else self._datasets
        texts = (_text(source, tag) for source in sources if source is not None)
        return [text for text in dict.fromkeys(texts) if text]

    def same_text(self, name: str, tag: int) -> str:
        """An element that must be equal in all slices."""
        found = self._distinct(tag)
        if len({text.upper() for text in found}) > 1:
            self.conflicts.add(name)
        return found[0] if found else ""

    def same_number(self, name: str, origin: str, tag: int, *, in_item: bool = False) -> Given[float]:
        """A number that must be equal in all slices; unreadable ones count as absent, with a warning."""
        found = self._distinct(tag, in_item=in_item)
        numbers = [_number(text) for text in found]
        if None in numbers:
            self.warnings.append(f"{origin} is not a number.")
        valid = [number for number in numbers if number is not None]
        if len(set(valid)) > 1:
            self.conflicts.add(name)
        return Given(valid[0], origin) if valid else Given(None, origin)

    def units(self) -> str:
        """Units (0054,1001); an enhanced object names them in its rescale (PS3.3 C.7.6.16.2.9)."""
        units = self.same_text("units", 0x00541001).upper()
        if units:
            return units
        for dataset in self._datasets:
            groups = (*_items(dataset, 0x52009229), *_items(dataset, 0x52009230))
            for group in groups:
                for item in _items(group, 0x00289145):
                    named = _text(item, 0x00281054).upper()
                    if named:
                        return named
        return ""

    def decay_correction(self) -> str:
        """Decay Correction (0054,1102); an enhanced object states the moment instead (PS3.3 C.8.22.2)."""
        found = self.same_text("decay_correction", 0x00541102).upper()
        if not found and self._distinct(0x00189701) and self._distinct(0x00189758)[:1] == ["YES"]:
            return "START"
        return found

    def sex(self) -> Given[str]:
        """Patient's Sex (0010,0040)."""
        found = self._distinct(0x00100040)
        return Given(found[0].upper() if found else None, "(0010,0040)")

    def height_cm(self) -> Given[float]:
        """Patient's Size (0010,1020), metres by the standard and sometimes centimetres in files."""
        height = self.same_number("height_cm", "(0010,1020)", 0x00101020)
        if height.value is None or height.value <= 0:
            return Given(None, height.origin)
        if height.value > 3:
            self.warnings.append(
                f"The patient's height was read as {height.value:g} cm; the header should give m."
            )
            return height
        return Given(height.value * 100.0, height.origin)

    def nuclide(self) -> tuple[str, float | None]:
        """Name and textbook half-life out of the Radionuclide Code Sequence (0054,0300)."""
        for item in self._radio:
            for code in _items(item, 0x00540300) if item is not None else ():
                value, meaning = _text(code, 0x00080100), _text(code, 0x00080104)
                for name, half_life_s, codes in _NUCLIDES:
                    if value.upper() in codes or _nuclide_name(meaning) == name:
                        return name, half_life_s
                if meaning:
                    return _nuclide_name(meaning), None
        return "", None

    def half_life_s(self, nuclide: str, known_s: float | None) -> Given[float]:
        """Radionuclide Half Life (0018,1075), or the textbook value of the coded nuclide (D12)."""
        given = self.same_number("half_life_s", "(0018,1075)", 0x00181075, in_item=True)
        if (given.value is None or given.value == 0) and known_s is not None:
            return Given(known_s, f"assumed: {nuclide} in (0054,0300)")
        return given

    def injection(self) -> Given[dt.datetime]:
        """Radiopharmaceutical Start DateTime (0018,1078)."""
        found = self._distinct(0x00181078, in_item=True)
        moments = {parse_datetime(text, _zone(self._datasets[0])) for text in found} - {None}
        if len(moments) > 1:
            self.conflicts.add("injection")
        if found and not moments:
            self.warnings.append("(0018,1078) is not a usable date and time.")
        return Given(next(iter(moments), None), "(0018,1078)")

    def injection_time(self) -> Given[dt.time]:
        """Radiopharmaceutical Start Time (0018,1072)."""
        found = self._distinct(0x00181072, in_item=True)
        times = {parse_time(text) for text in found} - {None}
        if len(times) > 1:
            self.conflicts.add("injection")
        if found and not times:
            self.warnings.append("(0018,1072) is not a usable time.")
        return Given(next(iter(times), None), "(0018,1072)")

    def acquisition(self, dataset: Dataset) -> dt.datetime | None:
        """Acquisition Date and Time (0008,0022), (0008,0032), or DateTime (0008,002A)."""
        date, time = _text(dataset, 0x00080022), _text(dataset, 0x00080032)
        both, zone = _text(dataset, 0x0008002A), _zone(dataset)
        moment = acquisition_moment(date, time, both, _text(dataset, 0x00080021), zone)
        if moment is not None and not date and parse_datetime(both, zone) is None:
            self.warnings.append("The acquisition has no date; the date of the series was used.")
        return moment

    def series_start(self) -> Given[dt.datetime]:
        """Series Date and Time (0008,0021), (0008,0031); the earliest when slices differ."""
        moments = {_moment(dataset, 0x00080021, 0x00080031) for dataset in self._datasets} - {None}
        if len(moments) > 1:
            self.warnings.append("The series time differs between slices; the earliest was used.")
        return Given(first_moment(moments), "(0008,0021) (0008,0031)")

    def standard_moment(self, origin: str, tag: int) -> Given[dt.datetime]:
        """A DT element of the data set; the earliest when slices differ."""
        zone = _zone(self._datasets[0])
        return Given(first_moment(parse_datetime(text, zone) for text in self._distinct(tag)), origin)

    def private_moment(self, group: int, element: int, creator: str) -> Given[dt.datetime]:
        """A private DT element; the earliest when slices differ (beds of one scan)."""
        texts = dict.fromkeys(self.private(dataset, group, element, creator) for dataset in self._datasets)
        zone = _zone(self._datasets[0])
        return Given(
            first_moment(parse_datetime(text, zone) for text in texts if text),
            f"({group:04X},xx{element:02X}) {creator}",
        )

    def private(self, dataset: Dataset, group: int, element: int, creator: str) -> str:
        """Text of a private element, its block found by the creator (PS3.5 7.8.1).

        De-identified files often lost the creator; the usual block 10 is then read when the manufacturer fits (D13).
        """
        tags = dataset.keys()
        creator_tags = [tag for tag in tags if tag.group == group and 0x10 <= tag.element <= 0xFF]
        for tag in creator_tags:
            if _text(dataset, tag) == creator:
                return _text(dataset, (group << 16) | (tag.element << 8) | element)
        usual = (group << 16) | 0x1000 | element
        if usual not in dataset or any(tag.element == 0x10 for tag in creator_tags):
            return ""
        if not _MANUFACTURERS[creator].search(_text(dataset, 0x00080070)):
            return ""
        self.warnings.append(
            f"({group:04X},10{element:02X}) has no private creator; it was read because the manufacturer fits."
        )
        return _text(dataset, usual)


def first_moment(moments: Iterable[dt.datetime | None]) -> dt.datetime | None:
    """The earliest moment."""
    known = [moment for moment in moments if moment is not None]
    return min(known, key=lambda moment: elapsed_s(moment, known[0]), default=None)


def _nuclide_name(meaning: str) -> str:
    """Symbol and mass, "F-18", of "^18^Fluorine", "18F", "Fluorine 18" and so on; empty when it cannot be read so."""
    match = re.search(r"\^?(\d{1,3}m?)\^?[\s-]*([A-Za-z]+)", meaning) or re.search(
        r"([A-Za-z]+)[\s-]*\^?(\d{1,3}m?)\b", meaning
    )
    if match is None:
        return ""
    mass, element = sorted(match.groups(), key=lambda part: not part[0].isdigit())
    symbol = _ELEMENTS.get(element.lower(), element.capitalize() if len(element) <= 2 else "")
    return f"{symbol}-{mass}" if symbol else ""
