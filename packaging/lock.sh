#!/usr/bin/env bash
# Write the hash-locked requirement files from pyproject.toml. Needs uv; run it by hand after changing a dependency.
#
#   requirements.lock        what the program and its build need            (run.sh)
#   requirements-dev.lock    the same versions plus tests and linters       (test.sh)
#   requirements-build.lock  a C compiler, for machines that have none
#
# Each file holds for Python 3.11 to 3.14 on every system, and names no index: pip takes the packages from wherever
# the user's pip is set to look, and the hashes say whether they are the right ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() { # OUTPUT ARGUMENT...
    local output=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links ${UPGRADE:+--upgrade} "$@" --output-file "$output"
    sed -i.bak '1i # Made by packaging/lock.sh from pyproject.toml; do not edit.' "$output"
    rm "$output.bak"
    if grep -n '://\|file:' "$output"; then
        echo "$output names an address, see above" >&2
        exit 1
    fi
}

# UPGRADE=1 moves everything to the newest versions; otherwise what is locked stays as far as pyproject.toml allows.
extras=(archive register remote seg serve surface verify)
compile packaging/requirements-dev.lock pyproject.toml "${extras[@]/#/--extra=}" --group test --group lint --group build
compile packaging/requirements.lock --constraints packaging/requirements-dev.lock pyproject.toml --group build
compile packaging/requirements-build.lock --group compiler
