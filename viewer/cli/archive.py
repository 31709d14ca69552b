"""`triptych archive`: from folders of DICOM to an archive of Zarr volumes, and back to the proof that it is right.

scan       finds every series and writes a manifest; a second run reads only what is new
convert    writes one volume a series, on all processors or on a Dask cluster; goes on where it was stopped
summarize  says what became of all shards
verify     compares volumes with their sources, slice by slice
report     writes a page about an archive that people can look through
key        makes the key file of an encrypted archive
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from viewer.archive.outcome import Summary

STORES = ("shard", "dir", "zip", "sqlite")
"""Values of `viewer.archive.stores.StoreKind`, which needs zarr."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the steps and their options."""
    from viewer.archive.keys import ENVIRONMENT

    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")

    def step(name: str, text: str) -> argparse.ArgumentParser:
        return steps.add_parser(
            name,
            help=text,
            description=f"{text[:1].upper()}{text[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    scan = step("scan", "find every series below some folders and write a manifest")
    scan.add_argument(
        "roots", metavar="ROOT", nargs="+", type=Path, help="folder with DICOM files anywhere below"
    )
    scan.add_argument(
        "-o", "--output", metavar="MANIFEST", type=Path, required=True, help="folder of the manifest"
    )
    scan.add_argument(
        "--shards", metavar="N", type=_positive, help="number of shards; default: one a 1000 series"
    )
    convert = step("convert", "write one Zarr volume for each series of a manifest")
    convert.add_argument(
        "manifest", metavar="MANIFEST", type=Path, help="folder of a manifest, or one of its shards"
    )
    convert.add_argument(
        "-o", "--output", metavar="ARCHIVE", type=Path, required=True, help="folder of the archive"
    )
    convert.add_argument(
        "--store",
        choices=STORES,
        help="how a volume is laid out; default: shard, sqlite when encrypted, which shards cannot be",
    )
    where = convert.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", metavar="N", type=_not_negative, help="processes; default: one a processor, 0: this one"
    )
    where.add_argument("--scheduler", metavar="ADDRESS", default="", help="a Dask cluster: tcp://host:8786")
    convert.add_argument("--overwrite", action="store_true", help="convert also what is there already")
    convert.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="read every volume back before it gets its name",
    )
    convert.add_argument(
        "--deidentify",
        action="store_true",
        help="write nothing that leads to a patient (PS3.15 Basic Profile); series that may show text are left out",
    )
    convert.add_argument(
        "--encrypt",
        metavar="KEYFILE",
        type=Path,
        help="encrypt everything with the key of a file (AES-256-GCM), the names of folders too",
    )
    convert.epilog = (
        "The key of an encrypted archive goes to the workers with each series: a cluster of others should speak TLS\n"
        "(tls://host:8786). What the manifest says stays readable; keep it where the sources are."
    )
    summarize = step("summarize", "say what became of all shards of an archive")
    summarize.add_argument("archive", metavar="ARCHIVE", type=Path, help="folder of the archive")
    verify = step("verify", "compare the volumes of an archive with the files they were made from")
    verify.add_argument("archive", metavar="ARCHIVE", type=Path, help="folder of the archive")
    verify.add_argument(
        "--slices",
        type=_slices,
        default=3,
        metavar="N|all",
        help="slices of each volume, evenly spread; default: 3",
    )
    report = step(
        "report", "write a page with pictures, histograms and verdicts of some volumes of an archive"
    )
    report.add_argument("archive", metavar="ARCHIVE", type=Path, help="folder of the archive")
    report.add_argument("-o", "--output", metavar="FILE.html", type=Path, required=True, help="the page")
    report.add_argument(
        "--samples", type=_positive, default=10, metavar="N", help="volumes looked at; default: 10"
    )
    report.epilog = "The page shows pictures of patients, and is not encrypted, whatever the archive is."
    report.add_argument("--seed", type=int, default=0, metavar="N", help="another one picks other volumes")
    for each in (verify, report):
        each.add_argument(
            "--key",
            metavar="KEYFILE",
            type=Path,
            help="key of an encrypted archive that is not among the user's",
        )
    key = step("key", "make the key file of an encrypted archive")
    key.add_argument(
        "-o",
        "--output",
        metavar="KEYFILE",
        type=Path,
        required=True,
        help="the file, which must not be there",
    )
    for each in (scan, convert, summarize, verify):
        each.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.epilog = (
        'Needs more packages: pip install "triptych-viewer[archive]"\n\n'
        "Volumes keep what identifies a patient, as their sources do, unless --deidentify is said. The pixels stay as\n"
        "they are: a face can be recognised in a thin head CT or MR.\n\n"
        "With --encrypt nobody reads the archive without the key file: keep copies of it in safe places, but not in\n"
        f"the archive. Every command finds it where {ENVIRONMENT} names it (files and folders, with\n"
        f"{os.pathsep!r} between them) and in the folder keys of your settings.\n\n"
        "exit codes: 0 all well, 1 failed or nothing found, 2 wrong usage, 3 done in part (some series failed)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do one step.

    Raises
    ------
    ViewerError
        It cannot be done at all.
    """
    steps = {
        "scan": _scan,
        "convert": _convert,
        "summarize": _summarize,
        "verify": _verify,
        "report": _write_report,
        "key": _make_key,
    }
    return steps[arguments.step](arguments)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _not_negative(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _slices(text: str) -> int | None:
    return None if text == "all" else _positive(text)


def _scan(arguments: argparse.Namespace) -> int:
    from viewer.archive.manifest import scan
    from viewer.cli import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from viewer.cli.progress import Progress

    with Progress() as progress:
        found = scan(
            arguments.roots,
            arguments.output,
            shards=arguments.shards,
            tell=lambda met, read: progress.show("headers read of files met", read, met),
        )
    if arguments.json:
        print(json.dumps(vars(found), indent=2))
    else:
        left_out = "".join(f", {n} left out ({reason})" for reason, n in sorted(found.left_out.items()))
        print(f"{found.files} files, {found.read} of them read now, {found.not_dicom} not DICOM")
        print(f"{found.series} series, {found.convertible} to convert in {found.shards} shards{left_out}")
        print(f"{found.localizers} scouts and topograms left out")
        if found.damaged:
            print(f"{found.damaged} files could not be read; files.csv says why")
    if not found.series:
        return EXIT_FAILED
    return EXIT_PARTIAL if found.damaged else EXIT_OK


def _convert(arguments: argparse.Namespace) -> int:
    from viewer.archive.cluster import Cluster
    from viewer.archive.convert import run
    from viewer.archive.keys import read_key
    from viewer.cli.progress import Progress
    from viewer.errors import ViewerError

    key = read_key(arguments.encrypt) if arguments.encrypt is not None else None
    if key is not None and arguments.encrypt.resolve().is_relative_to(arguments.output.resolve()):
        raise ViewerError(
            "The key file lies in the archive. Keep it elsewhere: who has both reads everything."
        )
    with Progress() as progress:
        summaries = run(
            arguments.manifest,
            arguments.output,
            Cluster(arguments.workers, arguments.scheduler),
            store=arguments.store,
            overwrite=arguments.overwrite,
            check=arguments.check,
            deidentify=arguments.deidentify,
            encrypt=key,
            tell=lambda _, done, total: progress.show("series", done, total),
        )
    return _report(summaries, as_json=arguments.json)


def _summarize(arguments: argparse.Namespace) -> int:
    from viewer.archive.outcome import summarize

    return _report(summarize(arguments.archive), as_json=arguments.json)


def _verify(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from viewer.archive.verify import Verdict, verify
    from viewer.cli import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from viewer.cli.progress import Progress

    counts: Counter[str] = Counter()
    slices = 0
    plain = []
    with _with_key(arguments), Progress() as progress:
        for checked in verify(
            arguments.archive,
            arguments.slices,
            lambda done, total: progress.show("volumes compared", done, total),
        ):
            counts[checked.verdict.value] += 1
            slices += checked.slices
            plain.append(asdict(checked))
            if checked.findings and not arguments.json:
                print(f"{checked.verdict.value}  {checked.name}: {' '.join(checked.findings)}")
    if arguments.json:
        print(json.dumps({"volumes": plain, "counts": counts, "slices": slices}, indent=2))
    else:
        print(
            ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
            + f"; {slices} slices compared"
        )
    if counts[Verdict.DIFFERS.value] or counts[Verdict.DAMAGED.value]:
        return EXIT_FAILED
    return EXIT_PARTIAL if counts[Verdict.NO_SOURCE.value] else EXIT_OK


def _write_report(arguments: argparse.Namespace) -> int:
    from viewer.archive.report import write_report
    from viewer.cli import EXIT_OK, EXIT_PARTIAL
    from viewer.cli.progress import Progress

    with _with_key(arguments), Progress() as progress:
        unequal = write_report(
            arguments.archive,
            arguments.output,
            arguments.samples,
            seed=arguments.seed,
            tell=lambda done, total: progress.show("volumes looked at", done, total),
        )
    print(f"written to {arguments.output}")
    return EXIT_PARTIAL if unequal else EXIT_OK


def _make_key(arguments: argparse.Namespace) -> int:
    from viewer.archive.keys import ENVIRONMENT, make_key, private_folder
    from viewer.cli import EXIT_OK

    key = make_key(arguments.output)
    print(f"key {key.id} written to {arguments.output}")
    print("Without this file nobody can read what is encrypted with it: keep copies in safe places.")
    print(f"To read encrypted archives here, put one into {private_folder()} or name it in {ENVIRONMENT}.")
    return EXIT_OK


def _with_key(arguments: argparse.Namespace) -> AbstractContextManager[object]:
    """While the key that was named can be found."""
    if arguments.key is None:
        return nullcontext()
    from viewer.archive.keys import lent

    return lent(arguments.key, arguments.archive)


def _report(summaries: Sequence[Summary], *, as_json: bool) -> int:
    """Print summaries and their sum; tell the outcome as an exit code."""
    from viewer.archive.outcome import sum_of
    from viewer.cli import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL

    total = sum_of(summaries)
    if as_json:
        print(json.dumps({"shards": [one.plain() for one in summaries], "all": total.plain()}, indent=2))
    else:
        for one in summaries:
            print(_line(one))
        if len(summaries) > 1:
            print(_line(total))
        for failure in total.failures:
            print(f"failed  {failure['name']}: {failure['reason']}")
        for problem in total.problems:
            print(f"problem  {problem['name']}: {problem['slice']}")
    done = total.counts["converted"] + total.counts["present"] + total.counts["left out"]
    if total.failed or total.problems or not total.complete:
        return EXIT_PARTIAL if done else EXIT_FAILED
    return EXIT_OK


def _line(one: Summary) -> str:
    counts = ", ".join(f"{n} {status}" for status, n in sorted(one.counts.items())) or "no series"
    left_out = "".join(f", {n} x {kind} left out" for kind, n in sorted(one.left_out.items()))
    sizes = f"{one.raw_bytes / 1e6:.0f} MB in {one.stored_bytes / 1e6:.0f} MB"
    written = f"{one.volumes} volumes of {one.slices} slices, {sizes}"
    unfinished = "" if one.complete else "  (did not come to its end)"
    return f"{one.shard}: {counts}{left_out}; {written}; {one.seconds:.1f} s{unfinished}"
