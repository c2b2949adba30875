#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091
#
# On the engine host, in the shared folder: installs aa-shim, starts the engines (Docker with daemon.json.example as it stands),
# loads the catalog and runs the scenarios (all, or those named in the file `select`). Results: results.tap, and for the
# matrix cells; what else tells something about a failure: logs/.
set -eu

# What each process waits for, and who traces it.
processes() {
    for process in /proc/[0-9]*; do
        command=$(tr '\0\n' '  ' < "$process/cmdline" | cut -c1-120)
        [ -n "$command" ] || continue # a thread of the kernel, or gone
        awk '/^(Name|State|PPid|TracerPid|SigPnd|ShdPnd):/ { printf "%s %s ", $1, $2 }' "$process/status" || continue
        echo "${process#/proc/}: $command"
        for task in "$process"/task/*; do echo "   ${task##*/}: $(grep -v schedule "$task/stack" | sed -n 2,5p | tr '\n' ' ')"; done
    done
}

# Tells that once, and goes on, when nothing came out for four minutes: a host that stands still says nothing else.
watch_for_standstill() {
    size=-1 last=-2
    while [ "$size" != "$last" ]; do
        last=$size
        sleep 240
        size=$(wc -c < results.tap)
    done
    processes 2> /dev/null | tee logs/standstill | sed 's/^/# /'
}

. ./scenarios/install.sh
. ./engine/configure.sh
./start-engine
aa-shimctl load
mkdir -p logs
: > results.tap
watch_for_standstill &
watcher=$!
{
    xargs python3 -B engine/scenarios.py < select && echo 0 > status || echo 1 > status
} 2>&1 | tee results.tap
kill $watcher 2> /dev/null || true
cp /run/dockerd.log /run/containerd.log logs/
dmesg > logs/dmesg
exit "$(cat status)"
