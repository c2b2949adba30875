# SPDX-License-Identifier: Apache-2.0
#
# What the scripts that build test hosts share. Sourced by bash.
# shellcheck shell=bash

# need_packages PACKAGE…: installs those that are missing.
need_packages() {
    local package missing=() sudo=()
    for package; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get -qq update >&2
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2
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
        --aptopt='Acquire::Check-Valid-Until "false"')
    for path in doc man locale info lintian bug; do options+=(--dpkgopt="path-exclude=/usr/share/$path/*"); done
    mmdebstrap "${options[@]}" "$AA_TEST_SUITE" "$target" "deb $(debian_mirror) $AA_TEST_SUITE main"
}
