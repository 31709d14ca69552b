#!/usr/bin/env bash
# Set up everything that is missing and open the program:
#
#   bash packaging/run.sh               the built-in demo study
#   bash packaging/run.sh STUDY...      folders, DICOM files, DICOMDIRs or .zip files
# shellcheck source=packaging/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

set_up core

if [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ]; then
    say "everything is installed, but there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are empty)."
    say "With the package xvfb: xvfb-run -a bash packaging/run.sh"
    say "Without any window:    $bin/triptych render STUDY --plane axial -o axial.png"
    exit 1
fi

case ${1:-} in
"") exec "$bin/triptych" demo ;;
-*) exec "$bin/triptych" "$@" ;;
*) exec "$bin/triptych" -- "$@" ;; # a study may be named like a command
esac
