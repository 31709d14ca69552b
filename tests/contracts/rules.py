"""The clinical rules that must hold, and where each one is proved.

Tests carry the id of their rule in their name, so this module only has to know the rules. It collects the tests,
and writes the table `tests/RULES.md`::

    python -m tests.contracts.rules

Ids are those of the clinical specification: A from a folder to volumes, B pixel values, D PET, E orientation and
display, G measurements, I structures and labels, J hostile and broken input. Only what must hold is listed.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).resolve().parents[1]
TABLE: Final = TESTS / "RULES.md"
CORPUS: Final = TESTS / "hostile" / "corpus.py"

_RULE_IN_NAME = re.compile(r"(?<![A-Za-z0-9])([ABDEGIJ]\d\d)(?![A-Za-z0-9])")
_RULE_OF_CASE = re.compile(r"[ABDEGIJ]\d\d")

RULES: Final[dict[str, tuple[str, str]]] = {
    # id: (what must hold, what it is held against)
    "A01": ("patients told apart by ID and issuer, never mixed silently", "files written by the test"),
    "A02": (
        "one series may hold several stacks, told apart by layout, direction, time, echo, b-value",
        "phantoms; enhanced MR of other programs",
    ),
    "A03": ("a new AcquisitionNumber alone does not split a volume", "real GE head CT, dcm2niix"),
    "A04": ("localizers and dose pages are kept apart", "real Philips and GE studies"),
    "A06": (
        "objects that are no images are listed and never slices; DICOMDIR is not needed",
        "real folders with stale DICOMDIRs",
    ),
    "A07": ("slices ordered by position along the normal", "ramp phantom: the value is the index"),
    "A08": ("the order does not depend on the order of the files", "ramp phantom, shuffled"),
    "A10": (
        "slice spacing from positions, never from SliceThickness",
        "ramp G1, G10; SimpleITK and dcm2niix",
    ),
    "A11": ("what counts as uniform; the measured deviation is shown", "gaps written by hand"),
    "A12": ("uneven spacing resampled by position; wide gaps hold no data", "ramp G7; real GE head CT"),
    "A13": ("duplicates dropped and counted, conflicts named", "copied and changed files"),
    "A14": ("a single slice has no other planes", "ramp G8"),
    "A15": ("gantry tilt is shear, found from positions", "ramp G5 and published coordinates"),
    "A16": ("never the tilt attribute", "real CT of two vendors' signs"),
    "A17": ("SimpleITK is not believed on tilt", "SimpleITK itself, measured"),
    "A19": ("sagittal, coronal, oblique by one code path", "ramps G2 to G4, G9; hypothesis"),
    "A20": (
        "oblique acquisition: acquired planes below 20 degrees, patient planes above",
        "ramp G4: 20 degrees",
    ),
    "A21": ("PatientPosition never orients", "ramp G6b"),
    "A22": ("radiological display whatever the acquisition", "ramp corners in every orientation"),
    "A24": (
        "enhanced objects: frame groups over shared ones, frames sorted, rescale per frame",
        "ramp E1; dcm2niix, highdicom",
    ),
    "A25": ("nuclear medicine: detector geometry, SliceVector, negative spacing", "written by hand"),
    "B01": ("rescale slice by slice", "real GE PET against SimpleITK and pydicom"),
    "B02": ("no rounding of small slopes", "double precision arithmetic"),
    "B03": ("a modality table replaces the rescale", "pydicom"),
    "B04": ("the unit is the named one, else none", "table of header values"),
    "B05": ("bits, high bit and sign", "dcmtk's values, where pydicom and SimpleITK err"),
    "B06": ("16 bit unsigned does not wrap", "words written by hand"),
    "B07": (
        "padding is no value: drawn as background, never counted or interpolated",
        "arithmetic; real GE CT",
    ),
    "B08": ("padding is not repainted in the stored values", "pixels of the rendered picture"),
    "B09": ("LINEAR", "formula of PS3.3, dcmtk's table"),
    "B10": ("LINEAR_EXACT", "formula of PS3.3"),
    "B11": ("SIGMOID", "formula of PS3.3"),
    "B12": ("float quantities use exact windows", "arithmetic of the bounds"),
    "B13": ("several windows with their names", "header values"),
    "B14": ("VOI tables", "entries of the table"),
    "B15": ("senseless windows are ignored and named", "header values"),
    "B16": (
        "MONOCHROME1 inverted after the window; padding stays background",
        "dcmtk's table; rendered picture",
    ),
    "B17": ("the grey level does not depend on stored type and rescale", "LINEAR table; hypothesis"),
    "B18": ("smallest and largest pixel value change nothing", "the same picture without them"),
    "B23": ("the reading is the nearest voxel, with its unit", "ramp phantom"),
    "D01": ("no SUV without attenuation and decay correction", "header values"),
    "D02": ("every unit of PET values", "reference objects; Philips and GE factors"),
    "D03": ("SUVbw = value x weight / dose", "published factors P1 to P10"),
    "D04": ("START, ADMIN and NONE", "reference objects 3_1 and 3_4; P3"),
    "D05": ("the reference time, by its six sources", "reference objects 3_2, 3_3; P11"),
    "D06": ("never the slice's own time", "published error of a seventh bed"),
    "D07": ("injection time, with and without date", "reference object 4_2; P4, P7"),
    "D08": ("times are parsed, not subtracted as numbers", "seconds counted by hand"),
    "D09": ("believable uptake interval", "limits of the rule"),
    "D10": ("dose in Bq, MBq recognised, ambiguous asked", "reference object 3_0"),
    "D11": ("no SUV without a weight", "limits of the rule"),
    "D12": ("half-life, or that of the nuclide, said as assumed", "published half-lives"),
    "D13": ("private blocks by creator, else by manufacturer", "reference objects 2_4, 2_5, 3_3"),
    "D14": ("sex never changes SUVbw; the mean of both formulas elsewhere", "published body sizes"),
    "D15": ("inputs shown with origin, editable, marked", "arithmetic of the factor"),
    "D20": ("SUVmax and SUVmean on the native grid", "reference object 0_0; numpy, mirp"),
    "D21": ("SUVpeak in a sphere of 1 mL", "published Gaussian cases; points strewn into the sphere"),
    "D22": ("MTV and TLG", "reference object 0_0; scipy, numpy"),
    "D23": ("uptake time, dose, weight, formula and threshold beside the numbers", "texts that are shown"),
    "D30": ("overlay without question only in the same frame of reference", "two written series"),
    "D31": ("another frame of reference needs confirmation and stays marked", "two written series"),
    "D32": ("the time between acquisitions is said", "header times"),
    "D33": ("PET by position; transparent outside its field", "ramp PET of another spacing"),
    "D34": ("blend by opacity", "formula, pixel by pixel"),
    "D36": ("standalone PET inverse grey; exact palettes", "palettes of PS3.6, pydicom's copy"),
    "D37": ("colour bar with range and unit", "texts that are drawn"),
    "D38": ("windows of CT and PET are independent", "two written series"),
    "E01": ("letters from the axes of the pane", "ramp in every orientation"),
    "E02": ("composite letters", "published table"),
    "E03": ("unknown orientation is said, no letter is shown", "pictures without geometry"),
    "E05": ("flips move the letters, are marked, and end with the series", "letters written by hand"),
    "E06": ("linked crosshair; position in mm and voxel", "ramp in the real window"),
    "E09": ("scale bar", "pixels counted"),
    "E12": ("interpolation, slab and projection are printed", "projection of single planes"),
    "E13": ("acquired slices are counted, none is added", "ramp"),
    "E20": ("baseline of image review", "-"),
    "E22": ("dates and patients side by side", "-"),
    "E23": ("intended-use text", "texts that are drawn"),
    "E24": ("contrast, keyboard, names", "contrast formula of WCAG"),
    "E25": ("units and numbers", "texts written by hand"),
    "E40": ("person names", "PS3.5 annex H, J and K"),
    "G01": ("length in the patient, 0.1 mm", "closed form; ramp G1"),
    "G02": ("angle from patient vectors", "closed form; ramp G1"),
    "G03": (
        "statistics of native voxels by their centres, sample SD, no padding",
        "ramp G1; every voxel looked at",
    ),
    "G04": ("no voxel, no number", "ramp G1"),
    "G05": ("area of an ellipse by its formula", "closed form"),
    "G06": ("longest diameter and the longest across it", "closed form"),
    "G07": ("volume as voxels times their volume, by slice", "ramp; arithmetic"),
    "G08": ("kept in patient coordinates with frame of reference and image", "positions under the mouse"),
    "G09": (
        "TID 1500 reports: valid, and the same numbers come back",
        "dciodvfy; reports of highdicom and dcmqi",
    ),
    "G10": (
        "presentation states: look and drawings, written and read",
        "dciodvfy; picture of another program",
    ),
    "G11": ("undo, redo, delete without a question; stays when the series changes", "the history itself"),
    "G12": ("what is measured across a gap or on an unregistered overlay says so", "gaps written by hand"),
    "I01": (
        "frames of a segmentation by their own position",
        "boxes on the ramp by highdicom; dcmqi's counts",
    ),
    "I02": ("segments may overlap", "48, 36 and 8 voxels of the specification"),
    "I03": ("binary, fractional and label map", "highdicom; volumes of the specification"),
    "I04": ("colour, codes and algorithm of a segment", "published CIELab values; highdicom"),
    "I05": ("contours on any plane, by intersection", "circles of a sphere; published masks"),
    "I06": ("even-odd contours, voxel centres, volume", "closed forms; published masks voxel by voxel"),
    "I07": (
        "dose: scaling, unit, uneven planes, isodose and histogram",
        "closed forms; dicompyler-core; pydicom",
    ),
    "I08": ("sform, else qform, else a question", "nibabel"),
    "I09": ("NIfTI on a study by geometry, never by index", "dcm2niix"),
    "I10": ("disagreeing forms, scl_slope, whole labels", "nibabel"),
    "I11": ("structures are saved anew, never over the input", "highdicom, dciodvfy, rt-utils, SimpleITK"),
    "I12": ("labels are never mixed; outline, opacity, visibility", "nearest voxel by the affine alone"),
    "J01": ("empty, random, text", "outcome"),
    "J02": ("no preamble", "ramp"),
    "J03": ("no magic word", "outcome"),
    "J04": ("cut in the meta information", "outcome"),
    "J05": ("cut in the data set", "outcome"),
    "J06": ("pixel data too short: the slice keeps its place as no data", "ramp; bytes counted"),
    "J07": ("pixel data too long", "ramp"),
    "J08": ("pixel data missing or empty", "outcome"),
    "J09": ("layout missing or senseless", "outcome"),
    "J10": ("65535 x 65535 and tiny data", "outcome, memory"),
    "J11": ("100000 frames and tiny data", "outcome, memory"),
    "J12": ("garbage in compressed data and its fragments", "fragments written by hand; damaged codestreams"),
    "J13": ("unknown transfer syntax is named", "outcome"),
    "J14": ("deflate bomb", "outcome, memory"),
    "J15": ("deep sequences", "outcome"),
    "J16": ("senseless spacing", "outcome"),
    "J17": ("decimal comma", "ramp"),
    "J18": ("senseless slope", "raw values"),
    "J19": ("senseless window", "outcome"),
    "J20": ("position missing or senseless", "pictures only"),
    "J21": ("direction missing or senseless", "pictures only"),
    "J22": ("odd InstanceNumber", "ramp"),
    "J23": ("wrong value representation", "outcome"),
    "J24": ("large private element", "outcome"),
    "J25": ("long names and control characters", "texts that are shown"),
    "J26": ("ISO 2022 IR 87", "PS3.5 annex H"),
    "J27": ("ISO 2022 IR 13, 149, GB18030, ISO_IR 192, 144", "PS3.5 annexes"),
    "J28": ("ISO 2022 IR 58", "PS3.5 annex K"),
    "J29": ("undeclared and unknown character sets", "bytes written by hand"),
    "J30": ("one SOPInstanceUID, two contents", "outcome"),
    "J31": ("two frames of reference in a series", "ramp"),
    "J32": ("two patients, two studies", "outcome"),
    "J33": ("links and loops", "files found"),
    "J34": ("many files: progress, growing list, cancel", "events of the loader"),
    "J35": ("a file vanishes or changes", "ramp"),
    "J36": ("no permission", "outcome"),
    "J37": ("devices, pipes, sockets", "files found"),
    "J38": ("zip files", "files found"),
    "J39": ("odd file names", "ramp"),
    "J40": ("unknown class, retired big endian", "ramp"),
    "J41": ("DICOMDIR that leaves its folder, or differs in case", "files found"),
    "J42": ("the meta information lies about the encoding", "ramp"),
    "J43": ("odd lengths, missing delimiters, wrong group lengths", "ramp"),
    "J44": ("text is never markup or a formula", "texts that are shown"),
    "J45": ("huge spacing or positions", "outcome"),
    "J46": ("bed positions that overlap", "outcome"),
    "J47": ("objects whose images are missing", "outcome"),
    "J48": ("contours of a million or of one point", "outcome"),
    "J49": ("pickles and .npy", "outcome"),
    "J50": ("disk full while exporting", "files left behind"),
}

OPEN: Final[dict[str, str]] = {
    # What a rule asks for and the viewer does not do yet, whatever tests the rest of the rule has.
    "E06": "That the other panes follow is tested; the 50 ms are measured by tests/perf, not asserted.",
    "J39": "Odd and long names are tested; paths of over 260 characters were not tried on Windows.",
}


def collected() -> dict[str, list[str]]:
    """Rule id to the tests that carry it, as "file::test", each once and sorted."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        shown = path.relative_to(TESTS).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for rule in _RULE_IN_NAME.findall(node.name.replace("_", " ")):
                    found.setdefault(rule, set()).add(f"{shown}::{node.name}")
    for rule, count in _hostile_inputs().items():
        found.setdefault(rule, set()).add(f"hostile/test_hostile.py::[{rule}-*] ({count})")
    return {rule: sorted(tests) for rule, tests in found.items()}


def _hostile_inputs() -> dict[str, int]:
    """Inputs of the hostile corpus by rule: its cases are test ids, "J06-pixel-data-ten-bytes-short"."""
    counts: dict[str, int] = {}
    if CORPUS.exists():
        for node in ast.walk(ast.parse(CORPUS.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "case":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and _RULE_OF_CASE.fullmatch(str(first.value)):
                    counts[str(first.value)] = counts.get(str(first.value), 0) + 1
    return counts


def table(tests: dict[str, list[str]]) -> str:
    """The table as Markdown: rule, what must hold, oracle, tests."""
    lines = [
        "# Which test proves which rule",
        "",
        "Made by `python -m tests.contracts.rules`, checked by `tests/contracts/test_rules.py`. A test belongs to a",
        "rule when the id of the rule stands in its name. Hostile inputs count by their case ids.",
        "",
        "| rule | what must hold | held against | state | tests |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rule, (text, oracle) in RULES.items():
        names = tests.get(rule, [])
        state = "proved" if rule not in OPEN else "partly" if names else "open"
        shown = "<br>".join(f"`{name}`" for name in names) or "-"
        lines.append(f"| {rule} | {text} | {oracle} | {state} | {shown} |")
    lines += ["", "## What is open", ""]
    lines += [f"- {rule}: {reason}" for rule, reason in sorted(OPEN.items())]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    TABLE.write_text(table(collected()), encoding="utf-8")
