# SPDX-License-Identifier: Apache-2.0
#
# On a test host, in the shared folder: aa-shim, the example catalog and its profiles where an operator would put them, and
# the scenarios' own beside them. Sourced.
# shellcheck shell=sh
# The root of the micro host is a tmpfs, which anybody could write; a host's is root's.
chmod 755 /

cp bin/* /usr/bin/
ln -sf aa-shim /usr/bin/aa-shim-web
mkdir -p /etc/aa-shim/apparmor.d /etc/docker
cp -r share/catalog.d /etc/aa-shim/
cp share/apparmor.d/* /etc/aa-shim/apparmor.d/
cp daemon.json.example /etc/docker/daemon.json
if [ -d scenarios/catalog.d ]; then
    cp scenarios/catalog.d/* /etc/aa-shim/catalog.d/
    cp scenarios/apparmor.d/* /etc/aa-shim/apparmor.d/
    apparmor_parser --replace scenarios/apparmor.d/* 2> /dev/null || true # the kernel may have no AppArmor
fi
chown -R 0:0 /etc/aa-shim
chmod -R go-w /etc/aa-shim
