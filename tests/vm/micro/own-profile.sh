# SPDX-License-Identifier: Apache-2.0
#
# Why aa-shim has no profile of its own: what becomes of its watch over a start if it has one that allows it everything and leaves the
# runtime as it is without aa-shim. A container's profile names who may read it and send it signals; it knows "unconfined".
# And why aa-shimctl has none: the same becomes of what it shows, and who loads policy loads another one for itself.
# shellcheck shell=dash disable=SC1091,SC2012,SC2034,SC2086,SC2154

. ./micro/scenarios.sh

put_in_place() {
    mkdir -p $state /opt
    cat > /etc/aa-shim/apparmor.d/aa-scenario-watched <<'END'
abi <abi/3.0>,
profile aa-scenario-watched flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal (receive) peer={unconfined,runc},
  signal peer=aa-scenario-watched,
}
END
    cat > /etc/aa-shim/catalog.d/03-watched.json <<'END'
{ "confinements": { "watched": { "apparmor": "aa-scenario-watched", "capabilities": ["KILL"],
    "hostPaths": [], "devices": [], "hostNamespaces": ["cgroup", "user"], "keepMasked": true } },
  "rules": [{ "match": { "annotations": { "scenario": "watched" } }, "use": "watched" }] }
END
    aa-shimctl load > /dev/null 2>&1 || ok "load" false
    # A runtime that gives more than it was told to.
    cat > /opt/runc-generous <<END
#!/bin/sh
for word; do
    [ "\$before" != --bundle ] || sed -i 's/"CAP_KILL"/"CAP_SYS_ADMIN"/g' "\$word/config.json"
    before=\$word
done
exec /usr/sbin/runc "\$@"
END
    chmod 755 /opt/runc-generous
}

# own_profile NAME PROGRAM RULE…: a profile for PROGRAM that allows it all that is about no file, and what each RULE says
own_profile() {
    local name=$1 program=$2
    shift 2
    cat <<END
abi <abi/3.0>,
profile $name $program flags=(attach_disconnected,mediate_deleted) {
  $*
  network,
  unix,
  capability,
  mount,
  umount,
  signal,
  ptrace,
}
END
}

confine_aa_shim() {
    own_profile aa-scenario-shim /usr/bin/aa-shim '/{,**} rwlkm,' '/{usr/{bin,sbin}/{runc,crun},opt/runc-generous} Pux,' > /tmp/aa-scenario-shim
    apparmor_parser --replace /tmp/aa-scenario-shim
}

# ctl_profile [RULE]: a profile for aa-shimctl, and for the parser that it runs, that allows all but what RULE denies
ctl_profile() { own_profile aa-scenario-ctl /usr/bin/aa-shimctl '/{,**} rwlkmix,' "$@"; }

look() { aa-shimctl status > /tmp/status 2>&1; echo $?; }
write() { rm -f "$1"; aa-shimctl metrics --output "$1" > /tmp/out 2>&1; echo $?; }

confine_aa_shimctl() {
    apparmor_parser --remove /tmp/aa-scenario-shim
    for id in free own own-more; do runc --root $state delete --force $id; done
    state=/run/docker/runtime-runc/moby
    mkdir -p $state
    watch looked-at /usr/sbin/runc
    equal "aa-shimctl, unconfined: sees that it is as decided" "$(look)" 0
    ctl_profile 'deny /opt/** w,' > /tmp/aa-scenario-ctl
    apparmor_parser --replace /tmp/aa-scenario-ctl
    local seen
    seen=$(look)
    equal "aa-shimctl, under a profile of its own: cannot see it" "$seen" 1
    has "aa-shimctl, under a profile of its own: and says so" "$(cat /tmp/status)" "unreadable" "under no AppArmor profile"
    has "aa-shimctl, under a profile of its own: what it may not see" "$(dmesg)" 'profile="aa-scenario-watched"' 'denied_mask="readby" peer="aa-scenario-ctl"'
    equal "aa-shimctl, under a profile of its own: writes what that allows" "$(write /tmp/metrics)" 0
    equal "aa-shimctl, under a profile of its own: does not write what that denies" "$(write /opt/metrics)" 3
    ctl_profile > /etc/aa-shim/apparmor.d/aa-scenario-ctl
    echo '{ "confinements": { "own": { "apparmor": "aa-scenario-ctl", "capabilities": [] } } }' > /etc/aa-shim/catalog.d/04-own.json
    aa-shimctl load > /tmp/out 2>&1
    detail=$(tail -n 3 /tmp/out)
    equal "aa-shimctl, after a load of its own: writes that as well" "$(write /opt/metrics)" 0
}

# watch ID RUNTIME: creates and starts a container; leaves the runtime's label in $waiting, and what its program wrote in $mark
watch() {
    ln -sfn "$2" /etc/aa-shim/runtime
    bundle "/tmp/$1" "$(process '"sh", "-c", "echo ran > /tmp/mark; exec sleep 1000"')" '"scenario": "watched"'
    rm -f /tmp/pid
    aa-shim --root $state create --bundle "/tmp/$1" --pid-file /tmp/pid "$1" < /dev/null > /tmp/out 2>&1
    pid=$(cat /tmp/pid 2> /dev/null)
    ok "$1: created" [ -n "$pid" ] || return
    waiting=$(cat "/proc/$pid/attr/apparmor/current")
    dmesg -c > /dev/null
    aa-shim --root $state start "$1" > /tmp/out 2>&1
    gone "$pid" 5
    mark=$(cat "/tmp/$1/rootfs/tmp/mark" 2> /dev/null)
    detail=$(cat /tmp/out; dmesg)
}

main() {
    part=runc state=/run/own-profile
    put_in_place
    watch free /usr/sbin/runc
    local before=$waiting
    equal "unconfined: one that obeys: label" "$(label $pid)" "aa-scenario-watched (enforce)"
    watch free-more /opt/runc-generous
    equal "unconfined: one with more than was decided has done nothing" "$mark" ""
    has "unconfined: and that is told" "$(aa-shimctl metrics)" "aa_shim_mismatches_total 1"

    confine_aa_shim
    watch own /usr/sbin/runc
    equal "under a profile of its own: the runtime is as it was" "$waiting" "$before"
    equal "under a profile of its own: one that obeys: label" "$(label $pid)" "aa-scenario-watched (enforce)"
    has "under a profile of its own: the container's forbids to look" "$(dmesg)" 'profile="aa-scenario-watched"' 'denied_mask="readby" peer="aa-scenario-shim"'
    watch own-more /opt/runc-generous
    equal "under a profile of its own: one with more than was decided runs" "$mark" "ran"
    has "under a profile of its own: and has it" "$(capability_sets "$pid")" "Eff=200000"
    has "under a profile of its own: and nothing is told" "$(aa-shimctl metrics)" "aa_shim_mismatches_total 1"
    confine_aa_shimctl
}
