# Sourced by run.sh and test.sh. Makes the checkout ready to use: the system's libraries, a Python environment in
# .venv with exactly the locked packages, and the program itself. A run that finds everything in place costs nothing.
#
#   set_up core    what the program needs
#   set_up dev     the same plus tests and linters
#
# PYTHON=/path/to/python chooses the interpreter (3.11 to 3.14).
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
bin=$venv/bin

say() { printf 'triptych: %s\n' "$*" >&2; }
give_up() {
    say "$@"
    exit 1
}

# --- The system's libraries -------------------------------------------------------------------------------------

# What Qt loads at start, by the name the loader looks for and the Debian package that brings it.
libraries="
libglib-2.0.so.0         libglib2.0-0
libGL.so.1               libgl1
libEGL.so.1              libegl1
libfontconfig.so.1       libfontconfig1
libdbus-1.so.3           libdbus-1-3
libxkbcommon.so.0        libxkbcommon0
libxkbcommon-x11.so.0    libxkbcommon-x11-0
libX11-xcb.so.1          libx11-xcb1
libxcb-cursor.so.0       libxcb-cursor0
libxcb-icccm.so.4        libxcb-icccm4
libxcb-image.so.0        libxcb-image0
libxcb-keysyms.so.1      libxcb-keysyms1
libxcb-randr.so.0        libxcb-randr0
libxcb-render-util.so.0  libxcb-render-util0
libxcb-shape.so.0        libxcb-shape0
libxcb-sync.so.1         libxcb-sync1
libxcb-xfixes.so.0       libxcb-xfixes0
libxcb-xkb.so.1          libxcb-xkb1
libwayland-client.so.0   libwayland-client0
libwayland-cursor.so.0   libwayland-cursor0
libwayland-egl.so.1      libwayland-egl1
"

can_install() { command -v apt-get >/dev/null; }

install_packages() {
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || give_up "these system packages are missing, ask an administrator for them: $*"
        sudo=(sudo)
    fi
    say "installing system packages: $*"
    # With an empty array under `set -u`, bash before 4.4 needs the + form.
    ${sudo[@]+"${sudo[@]}"} apt-get update -qq
    ${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" >/dev/null
}

missing_packages() { # prints the Debian packages whose library, font or Python is not there
    local known soname package
    known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null || true)
    while read -r soname package; do
        [ -z "$soname" ] || [[ $known == *"$soname "* ]] || printf '%s ' "$package"
    done <<<"$libraries"
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts -iname '*.[to]tf' -print -quit 2>/dev/null)" ] ||
        printf 'fonts-dejavu-core '
    [ -n "${PYTHON:-}" ] || command -v python3 >/dev/null || printf 'python3 python3-venv '
}

set_up_system() {
    [ "$(uname -s)" = Linux ] || return 0
    local missing
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    if can_install; then
        # shellcheck disable=SC2086  # one word a package
        install_packages $missing
    else
        say "this system has no apt-get, so nothing was installed for you. Triptych's window needs the libraries that"
        say "Debian calls: $missing"
        say "Your distribution has them under similar names, e.g. on Fedora: sudo dnf install mesa-libGL mesa-libEGL"
        say "libxkbcommon-x11 xcb-util-cursor xcb-util-image xcb-util-keysyms xcb-util-renderutil xcb-util-wm"
        say "fontconfig dejavu-sans-fonts; on Arch: sudo pacman -S libglvnd libxkbcommon-x11 xcb-util-cursor"
        say "xcb-util-image xcb-util-keysyms xcb-util-renderutil xcb-util-wm fontconfig ttf-dejavu. Going on without."
    fi
}

# --- Python -----------------------------------------------------------------------------------------------------

is_supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; }
makes_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

first_supported() { # prints the first Python of a version the locked packages are made for
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if is_supported "$name"; then
            printf '%s' "$name"
            return 0
        fi
    done
    return 1
}

find_python() { # sets `python`
    if [ -n "${PYTHON:-}" ]; then
        is_supported "$PYTHON" || give_up "PYTHON=$PYTHON is not a Python of version 3.11 to 3.14."
        python=$PYTHON
    elif ! python=$(first_supported) && can_install; then
        # Ubuntu 22.04 calls 3.10 python3 but keeps a newer one beside it.
        local name
        for name in python3.13 python3.12 python3.11; do
            ! first_supported >/dev/null || break
            [ -z "$(apt-cache pkgnames "$name-venv" 2>/dev/null)" ] || install_packages "$name" "$name-venv"
        done
        python=$(first_supported) || python=""
    fi
    [ -n "$python" ] || give_up "Python 3.11, 3.12, 3.13 or 3.14 is needed, this system has $(
        python3 --version 2>/dev/null || echo none
    ). Install one and name it: PYTHON=/path/to/python bash packaging/run.sh"
    if ! makes_venvs "$python" && can_install; then
        install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    fi
    makes_venvs "$python" || give_up "$python cannot make virtual environments: its modules venv and ensurepip are missing."
}

# --- The environment --------------------------------------------------------------------------------------------

fingerprint() { # of everything that decides what is in the environment, and of where it is
    {
        printf '%s\n' "$root"
        cat "$root"/packaging/*.lock "$root"/pyproject.toml "$root"/packaging/hatch_build.py \
            "$root"/viewer/imaging/kernel/kernel.c "$root"/viewer/imaging/kernel/build.py
    } | cksum
}

pip_install() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$bin/python" -m pip install --quiet "$@"
}

# The locked files name every package, so nobody's own list of needs is asked again.
install_locked() { pip_install --only-binary :all: --no-deps --require-hashes --requirement "$root/packaging/$1"; }

has_compiler() { command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null; }

set_up() { # core|dev
    local kind=$1 want python lock=requirements.lock
    [ "$kind" = core ] || lock=requirements-dev.lock
    want=$(fingerprint)
    if [ "$(cat "$venv/.ready-$kind" 2>/dev/null)" = "$want" ] && "$bin/python" -c '' 2>/dev/null; then
        return 0
    fi

    set_up_system
    if ! is_supported "$bin/python"; then
        find_python
        say "making $venv with $("$python" --version)"
        "$python" -m venv --clear "$venv"
    fi
    rm -f "$venv"/.ready-*
    say "installing the locked Python packages"
    install_locked "$lock"
    # The render kernel is one C file; without any compiler a packaged one builds it.
    has_compiler || install_locked requirements-build.lock
    pip_install --no-deps --no-build-isolation --editable "$root"
    "$bin/python" -c 'import sys; from viewer.imaging import kernel; sys.exit(not kernel.available())' ||
        say "the render kernel could not be compiled here; everything works, but pictures take longer."

    printf '%s' "$want" >"$venv/.ready-core"
    [ "$kind" = core ] || printf '%s' "$want" >"$venv/.ready-$kind"
}

# --- What only some tests need ----------------------------------------------------------------------------------

# The programs that judge what the tests wrote, the browser that opens pages, and the library that trains networks.
# Some are large, so a developer's machine gets them only when asked; without them their tests are skipped.
set_up_everything() {
    local missing=""
    command -v dcmdump >/dev/null || missing="$missing dcmtk"
    command -v dciodvfy >/dev/null || missing="$missing dicom3tools"
    command -v chromium >/dev/null || missing="$missing chromium"
    # shellcheck disable=SC2086  # one word a package
    [ -z "$missing" ] || ! can_install || install_packages $missing
    "$bin/python" -c 'import torch' 2>/dev/null || pip_install "torch==2.13.0"
}
