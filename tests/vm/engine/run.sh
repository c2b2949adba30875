#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091
#
# On the engine host, in the shared folder: installs aa-shim, starts the engines (Docker with daemon.json.example as it stands),
# loads the catalog and runs the scenarios (all, or those named in the file `select`). Results: results.tap, and for the
# matrix cells; what else tells something about a failure: logs/.
set -eu
. ./scenarios/install.sh
. ./engine/configure.sh
./start-engine
aa-shimctl load
{
    xargs python3 -B engine/scenarios.py < select && echo 0 > status || echo 1 > status
} 2>&1 | tee results.tap
mkdir -p logs
cp /run/dockerd.log /run/containerd.log logs/
dmesg > logs/dmesg
exit "$(cat status)"
