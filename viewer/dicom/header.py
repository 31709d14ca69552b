"""What the viewer needs from the header of one DICOM file, typed once.

Two readers produce the same thing, a mapping of tag to little endian value bytes: `fast_header` for the common
encodings and `slow_header` (pydicom) for everything else. `Header.from_elements` is the only place that turns
bytes into values, so the two can be compared element by element.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.dicom.values import Elements, ValueReader

if TYPE_CHECKING:
    from viewer.dicom.model import Tile

MAX_FRAME_PIXELS = 1 << 28
"""Largest frame that is accepted (16384 x 16384): anything above is a damaged or hostile header (J10)."""

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE_SYNTAXES = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})
"""Transfer syntaxes whose pixel data is one plain run of samples."""

PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA = 0x7FE00010, 0x7FE00008, 0x7FE00009

OVERLAY_ROWS = range(0x60000010, 0x60200010, 0x20000)
"""Overlay Rows of the groups 6000 to 601E: present where a file has overlay planes."""

WANTED: dict[int, bytes] = {
    # tag: allowed value representations, joined
    0x00020002: b"UI",
    0x00020010: b"UI",
    0x00080005: b"CS",
    0x00080008: b"CS",
    0x00080016: b"UI",
    0x00080018: b"UI",
    0x00080020: b"DA",
    0x00080021: b"DA",
    0x00080022: b"DA",
    0x00080023: b"DA",
    0x0008002A: b"DT",
    0x00080030: b"TM",
    0x00080031: b"TM",
    0x00080032: b"TM",
    0x00080033: b"TM",
    0x00080050: b"SH",
    0x00080060: b"CS",
    0x00080070: b"LO",
    0x00080080: b"LO",
    0x00080201: b"SH",
    0x00081030: b"LO",
    0x0008103E: b"LO",
    0x00100010: b"PN",
    0x00100020: b"LO",
    0x00100021: b"LO",
    0x00100030: b"DA",
    0x00100040: b"CS",
    0x00101010: b"AS",
    0x00180010: b"LO",
    0x00180015: b"CS",
    0x00180050: b"DS",
    0x00180060: b"DS",
    0x00180081: b"DS",
    0x00180086: b"IS",
    0x00180088: b"DS",
    0x00181030: b"LO",
    0x00181060: b"DS",
    0x00181151: b"IS",
    0x00181164: b"DS",
    0x00181210: b"SH",
    0x00181242: b"IS",
    0x00185100: b"CS",
    0x00189087: b"FD",
    0x00189089: b"FD",
    0x0020000D: b"UI",
    0x0020000E: b"UI",
    0x00200011: b"IS",
    0x00200012: b"IS",
    0x00200013: b"IS",
    0x00200032: b"DS",
    0x00200037: b"DS",
    0x00200052: b"UI",
    0x00200100: b"IS",
    0x00209161: b"UI",
    0x00280002: b"US",
    0x00280004: b"CS",
    0x00280006: b"US",
    0x00280008: b"IS",
    0x00280010: b"US",
    0x00280011: b"US",
    0x00280030: b"DS",
    0x00280034: b"IS",
    0x00280100: b"US",
    0x00280101: b"US",
    0x00280102: b"US",
    0x00280103: b"US",
    0x00280120: b"USSS",
    0x00280121: b"USSS",
    0x00280122: b"FL",
    0x00280123: b"FD",
    0x00280124: b"FL",
    0x00280125: b"FD",
    0x00281050: b"DS",
    0x00281051: b"DS",
    0x00281052: b"DS",
    0x00281053: b"DS",
    0x00281054: b"LO",
    0x00281055: b"LO",
    0x00281056: b"CS",
    0x00282110: b"CS",
    0x00282112: b"DS",
    0x00541001: b"CS",
    0x00541006: b"CS",
    0x00541102: b"CS",
    0x00541300: b"DS",
    0x00541321: b"DS",
} | dict.fromkeys(OVERLAY_ROWS, b"US")
"""Every element that is read into a `Header`."""

SEQUENCES = frozenset({0x00283000, 0x00283010, 0x00409096, 0x00540016, 0x00540022, 0x52009229, 0x52009230})
"""Sequences whose presence matters; their content is read later, once a stack: Modality LUT, VOI LUT, Real World
Value Mapping, Radiopharmaceutical Information, Detector Information, Shared and Per-frame Functional Groups."""
MODALITY_LUT, VOI_LUT, REAL_WORLD_VALUES = 0x00283000, 0x00283010, 0x00409096
DETECTOR_INFORMATION, SHARED_GROUPS, FRAME_GROUPS = 0x00540022, 0x52009229, 0x52009230

Vector3 = tuple[float, float, float]
Vector6 = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Header:
    """Typed header of one file, or of one frame of a multi-frame file.

    Lengths are millimetres, times milliseconds or DICOM TM text, positions and directions LPS (PS3.3 C.7.6.2.1.1).
    A value that is absent or makes no sense is None or empty; `warnings` says which ones made no sense.

    Parameters
    ----------
    path
        The file.
    size
        Bytes of the file.
    pixel_tag
        0x7FE00010, ..8 (float) or ..9 (double), or 0 when there is no pixel data.
    pixel_offset
        Where the value of the pixel data starts in the file, -1 when the data set is deflated.
    pixel_length
        Declared bytes of the value, -1 when it is encapsulated (undefined length).
    sequences
        Those of `SEQUENCES` that are present.
    frame
        Frame number from 0; `frames` is the number of frames in the file.
    tile
        Which part of a mosaic this slice is; `rows` and `columns` then are those of the slice.
    """

    path: Path
    size: int
    transfer_syntax: str
    charset: tuple[str, ...]
    sop_class: str
    sop_instance: str
    image_type: tuple[str, ...]
    modality: str
    # patient and study
    patient_name: str
    patient_id: str
    issuer: str
    birth_date: str
    sex: str
    age: str
    study_uid: str
    study_description: str
    study_date: str
    study_time: str
    accession: str
    institution: str
    # series
    series_uid: str
    series_number: int | None
    series_description: str
    series_date: str
    series_time: str
    manufacturer: str
    protocol: str
    body_part: str
    patient_position: str
    frame_of_reference: str
    # acquisition
    acquisition_date: str
    acquisition_time: str
    acquisition_datetime: str
    content_date: str
    content_time: str
    utc_offset: str
    acquisition_number: int | None
    instance_number: int | None
    temporal_position: int | None
    trigger_time_ms: float | None
    echo_time_ms: float | None
    echo_number: int | None
    b_value: float | None
    gradient: tuple[float, ...]
    frame_reference_time_ms: float | None
    frame_duration_ms: float | None
    decay_factor: float | None
    kernel: str
    contrast: str
    kvp: float | None
    tube_current_ma: float | None
    units: str
    suv_type: str
    decay_correction: str
    concatenation_uid: str
    # geometry
    position_mm: Vector3 | None
    orientation: Vector6 | None
    pixel_spacing_mm: tuple[float, float] | None
    imager_spacing_mm: tuple[float, float] | None
    pixel_aspect: tuple[float, float] | None
    thickness_mm: float | None
    spacing_between_mm: float | None
    # pixels
    rows: int
    columns: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    sign_known: bool
    frames: int
    slope: float | None
    intercept: float | None
    slope_empty: bool
    rescale_type: str
    padding_value: int | None
    padding_limit: int | None
    float_padding: tuple[float, ...]
    window_centers: tuple[float, ...]
    window_widths: tuple[float, ...]
    window_names: tuple[str, ...]
    window_function: str
    lossy: bool
    lossy_ratio: float | None
    overlays: bool
    pixel_tag: int
    pixel_offset: int
    pixel_length: int
    sequences: frozenset[int]
    warnings: tuple[str, ...]
    frame: int = 0
    tile: Tile | None = None

    @property
    def is_image(self) -> bool:
        """Whether there is pixel data at all."""
        return self.pixel_tag != 0

    @property
    def encapsulated(self) -> bool:
        """Whether the pixel data is a sequence of fragments (PS3.5 A.4)."""
        return self.transfer_syntax not in NATIVE_SYNTAXES

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame; YBR_FULL_422 stores two samples a pixel (PS3.3 C.7.6.3.1.2)."""
        samples = 2 if self.photometric == "YBR_FULL_422" and not self.encapsulated else self.samples
        return self.rows * self.columns * samples * self.bits_allocated

    def at_frame(self, frame: int, **changes: object) -> Header:
        """The header of one frame: this one with some values changed.

        Much cheaper than `dataclasses.replace`, which matters for files of thousands of frames.
        """
        copy = object.__new__(Header)
        for name in _FIELDS:
            object.__setattr__(copy, name, getattr(self, name))
        object.__setattr__(copy, "frame", frame)
        for name, value in changes.items():
            object.__setattr__(copy, name, value)
        return copy

    @classmethod
    def from_elements(
        cls,
        path: Path,
        size: int,
        elements: Elements,
        pixel: tuple[int, int, int] = (0, -1, 0),
        sequences: frozenset[int] = frozenset(),
    ) -> Header:
        """Build a header from little endian value bytes.

        Parameters
        ----------
        path, size
            The file and its bytes.
        elements
            Tag to value bytes, for the tags of `WANTED`.
        pixel
            (tag, offset, length) of the pixel data, see the class.
        sequences
            Those of `SEQUENCES` that are present.
        """
        read = ValueReader(elements)
        text, number, integer, u16 = read.text, read.number, read.integer, read.u16
        position = read.vector(0x00200032, 3, "ImagePositionPatient")
        orientation = read.vector(0x00200037, 6, "ImageOrientationPatient")
        bits_allocated = u16(0x00280100, 0)
        bits_stored = u16(0x00280101, bits_allocated)
        frames = integer(0x00280008)
        # Float pixel data has no Modality LUT (PS3.3 C.7.6.24, rule B21).
        is_float = pixel[0] in (FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA)
        return cls(
            path=path,
            size=size,
            transfer_syntax=text(0x00020010),
            charset=read.texts(0x00080005),
            sop_class=text(0x00080016) or text(0x00020002),
            sop_instance=text(0x00080018),
            image_type=read.texts(0x00080008),
            modality=text(0x00080060),
            patient_name=text(0x00100010),
            patient_id=text(0x00100020),
            issuer=text(0x00100021),
            birth_date=text(0x00100030),
            sex=text(0x00100040),
            age=text(0x00101010),
            study_uid=text(0x0020000D),
            study_description=text(0x00081030),
            study_date=text(0x00080020),
            study_time=text(0x00080030),
            accession=text(0x00080050),
            institution=text(0x00080080),
            series_uid=text(0x0020000E),
            series_number=integer(0x00200011),
            series_description=text(0x0008103E),
            series_date=text(0x00080021),
            series_time=text(0x00080031),
            manufacturer=text(0x00080070),
            protocol=text(0x00181030),
            body_part=text(0x00180015),
            patient_position=text(0x00185100),
            frame_of_reference=text(0x00200052),
            acquisition_date=text(0x00080022),
            acquisition_time=text(0x00080032),
            acquisition_datetime=text(0x0008002A),
            content_date=text(0x00080023),
            content_time=text(0x00080033),
            utc_offset=text(0x00080201),
            acquisition_number=integer(0x00200012),
            instance_number=integer(0x00200013),
            temporal_position=integer(0x00200100),
            trigger_time_ms=number(0x00181060),
            echo_time_ms=number(0x00180081),
            echo_number=integer(0x00180086),
            b_value=next(iter(read.doubles(0x00189087)), None),
            gradient=read.doubles(0x00189089),
            frame_reference_time_ms=number(0x00541300),
            frame_duration_ms=number(0x00181242),
            decay_factor=number(0x00541321),
            kernel=text(0x00181210),
            contrast=text(0x00180010),
            kvp=number(0x00180060),
            tube_current_ma=number(0x00181151),
            units=text(0x00541001),
            suv_type=text(0x00541006),
            decay_correction=text(0x00541102),
            concatenation_uid=text(0x00209161),
            position_mm=None if position is None else (position[0], position[1], position[2]),
            orientation=None if orientation is None else _six(orientation),
            pixel_spacing_mm=read.spacing(0x00280030, "PixelSpacing"),
            imager_spacing_mm=read.spacing(0x00181164, "ImagerPixelSpacing"),
            pixel_aspect=read.spacing(0x00280034, "PixelAspectRatio"),
            thickness_mm=read.positive(0x00180050),
            spacing_between_mm=number(0x00180088),
            rows=u16(0x00280010, 0),
            columns=u16(0x00280011, 0),
            samples=u16(0x00280002, 1),
            photometric=text(0x00280004).upper() or "MONOCHROME2",
            planar=u16(0x00280006, 0),
            bits_allocated=bits_allocated,
            bits_stored=bits_stored,
            high_bit=u16(0x00280102, max(bits_stored - 1, 0)),
            signed=u16(0x00280103, 0) == 1,
            sign_known=u16(0x00280103, -1) in (0, 1),
            frames=1 if frames is None else frames,
            slope=None if is_float else read.rescale(0x00281053),
            intercept=None if is_float else read.rescale(0x00281052),
            slope_empty=0x00281053 in elements and not read.numbers(0x00281053),
            rescale_type=text(0x00281054),
            padding_value=read.word(0x00280120),
            padding_limit=read.word(0x00280121),
            float_padding=(
                (read.floats(0x00280122) or read.doubles(0x00280123))[:1]
                + (read.floats(0x00280124) or read.doubles(0x00280125))[:1]
            ),
            window_centers=read.numbers(0x00281050),
            window_widths=read.numbers(0x00281051),
            window_names=read.texts(0x00281055),
            window_function=text(0x00281056),
            lossy=text(0x00282110) == "01",
            lossy_ratio=next(iter(read.numbers(0x00282112)), None),
            overlays=any(tag in elements for tag in OVERLAY_ROWS),
            pixel_tag=pixel[0],
            pixel_offset=pixel[1],
            pixel_length=pixel[2],
            sequences=sequences,
            warnings=tuple(read.warnings),
        )


_FIELDS = tuple(Header.__slots__)


def _six(values: tuple[float, ...]) -> Vector6:
    return (values[0], values[1], values[2], values[3], values[4], values[5])
