# SPDX-License-Identifier: Apache-2.0
#
# What the scripts that build and boot test hosts share. Sourced by bash.
# shellcheck shell=bash

# need_packages PACKAGE…: installs those that are missing; one process at a time, as apt lets no second one in.
need_packages() {
    local package missing=() sudo=()
    for package; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    (
        flock 8
        "${sudo[@]}" apt-get -qq update >&2
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2
    ) 8> "${TMPDIR:-/tmp}/aa-need-packages.$(id -u)"
}

# The mirror that this machine's apt takes Debian from.
debian_mirror() {
    local mirror=${AA_TEST_MIRROR:-}
    # shellcheck disable=SC2016 # apt's placeholder, not the shell's
    [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -1) || true
    if [ -z "$mirror" ]; then
        echo "test-host: apt on this machine has no Debian mirror; set AA_TEST_MIRROR to one" >&2
        return 1
    fi
    echo "$mirror"
}

# debian_tree VARIANT PACKAGES TARGET: an archive, or what TARGET's ending says, of Debian packages. With the variant
# `extract` they are unpacked only, and nothing comes in that they do not depend on. The signature of the suite is checked;
# its age is not, as the index of an unreleased suite expires within days on a mirror (or beside a clock) that lags.
debian_tree() {
    local variant=$1 packages=$2 target=$3 path
    local options=(--quiet --variant="$variant" --include="$packages" --aptopt='APT::Install-Recommends "false"'
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"')
    for path in doc man locale info lintian bug; do options+=(--dpkgopt="path-exclude=/usr/share/$path/*"); done
    TMPDIR=$(fast_folder) mmdebstrap "${options[@]}" "$AA_TEST_SUITE" "$target" "deb $(debian_mirror) $AA_TEST_SUITE main"
}

# with_its_libraries TREE PROGRAM LIB: copies PROGRAM's libraries, as its packages' own loader finds them in TREE, and the loader to LIB.
with_its_libraries() {
    local tree=$1 program=$2 lib=$3 loader
    loader=$(find "$tree" -xdev -name ld-linux-x86-64.so.2 ! -path '*/lib64/*' -print -quit)
    [ -n "$loader" ] || loader=$(find "$tree" -xdev -name ld-linux-x86-64.so.2 -print -quit)
    mkdir -p "$lib"
    cp -L "$loader" "$lib/"
    "$loader" --library-path "$tree/usr/lib/x86_64-linux-gnu:$tree/lib/x86_64-linux-gnu" --list "$program" |
        awk '$2 == "=>" && $3 ~ "^/" && $1 !~ "ld-linux" {print $3}' | xargs -I{} cp -L {} "$lib/"
}

# cpio_of FOLDER: an initramfs of what is in it; the kernel takes several of them one after the other.
cpio_of() { (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet); }

# A place for what a machine writes while it runs: in memory where there is room for another one, as its memory is a file too.
fast_folder() {
    local room
    room=$(df --output=avail -k /dev/shm 2> /dev/null | tail -1) || room=0
    if [ "${room:-0}" -gt 5000000 ] && [ "$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)" -gt 5000000 ]; then
        echo /dev/shm
    else
        echo "${TMPDIR:-/tmp}"
    fi
}
