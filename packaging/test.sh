#!/usr/bin/env bash
# Set up everything that is missing and run the checks:
#
#   bash packaging/test.sh              style, types, architecture and all tests
#   bash packaging/test.sh ARGUMENT...  only pytest, with these arguments
#
# TRIPTYCH_TEST_DATA names a folder with real studies; tests that need them are skipped without it.
# TRIPTYCH_TEST_EVERYTHING=1 also installs what only some tests need: dcmtk, dicom3tools, chromium and PyTorch.
# shellcheck source=packaging/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

set_up dev
[ -z "${TRIPTYCH_TEST_EVERYTHING:-}" ] || set_up_everything
cd "$root"
export PATH=$bin:$PATH QT_QPA_PLATFORM=${QT_QPA_PLATFORM:-offscreen}

if [ $# != 0 ]; then
    exec pytest "$@"
fi

failed=""
check() { # NAME COMMAND...: run it, and go on to the next one either way
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed="$failed $name"
}
check style ruff check
check format ruff format --check
check types mypy
check architecture lint-imports --no-logo
# One file goes to one process, so that what a file prepares for its tests is prepared once.
check tests pytest -q -n "${TRIPTYCH_TEST_JOBS:-2}" --dist loadfile

[ -z "$failed" ] || give_up "failed:$failed"
say "all checks passed"
