# SPDX-License-Identifier: Apache-2.0
#
# What the scenarios of the micro host share: results in TAP, bundles, and what the kernel says. Sourced by busybox sh.
# shellcheck shell=dash disable=SC1091,SC2012,SC2034,SC2086,SC2154

count=0 failed=0 part=

# ok NAME CONDITION…: CONDITION is a command; what is in $detail tells about its failure.
ok() {
    local name=$1; shift
    count=$((count + 1))
    if "$@"; then
        echo "ok $count - $part: $name"
    else
        failed=$((failed + 1))
        echo "not ok $count - $part: $name"
        echo "$* $detail" | sed 's/^/#   /'
    fi
    detail=
}

equal() { detail="got '$2' expected '$3'"; ok "$1" [ "$2" = "$3" ]; }

# has NAME TEXT PART…: every PART is in TEXT
has() {
    local name=$1 text=$2; shift 2
    for piece; do
        case $text in *"$piece"*) ;; *) detail="lacks '$piece': $text"; ok "$name" false; return ;; esac
    done
    ok "$name" true
}

finish() {
    echo "1..$count"
    echo "$((count - failed)) passed, $failed failed"
    [ $failed = 0 ] && [ $count -gt 0 ]
}

# Debian's crun has a profile of its own, in unconfined mode. For a process without new privileges crun 1.14 and later
# stacks the label on that one: the component confines nothing, it only makes the mode read "mixed".
kernel_label() { sed 's#//&crun (mixed)$# (enforce)#'; }
label() { kernel_label < "/proc/$1/attr/apparmor/current"; }
capability_sets() { sed -n 's/^Cap\(...\):\t0*\(.*\)/\1=\2/p' "/proc/$1/status" | sed 's/=$/=0/' | tr '\n' ' '; }
expected_sets() { echo "Inh=$1 Prm=$1 Eff=$1 Bnd=$1 Amb=$1 "; }
no_new_privileges() { sed -n 's/^NoNewPrivs:\t//p' "/proc/$1/status"; }

BASELINE=a00425fb       # ceiling of the confinement baseline: the fourteen that Docker gives, but for mknod
WEB=4eb                 # ceiling of the confinement web: chown dac_override fowner kill setgid setuid net_bind_service
ALL='"CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER","CAP_FSETID","CAP_KILL","CAP_SETGID","CAP_SETUID","CAP_SETPCAP","CAP_LINUX_IMMUTABLE","CAP_NET_BIND_SERVICE","CAP_NET_BROADCAST","CAP_NET_ADMIN","CAP_NET_RAW","CAP_IPC_LOCK","CAP_IPC_OWNER","CAP_SYS_MODULE","CAP_SYS_RAWIO","CAP_SYS_CHROOT","CAP_SYS_PTRACE","CAP_SYS_PACCT","CAP_SYS_ADMIN","CAP_SYS_BOOT","CAP_SYS_NICE","CAP_SYS_RESOURCE","CAP_SYS_TIME","CAP_SYS_TTY_CONFIG","CAP_MKNOD","CAP_LEASE","CAP_AUDIT_WRITE","CAP_AUDIT_CONTROL","CAP_SETFCAP","CAP_MAC_OVERRIDE","CAP_MAC_ADMIN","CAP_SYSLOG","CAP_WAKE_ALARM","CAP_BLOCK_SUSPEND","CAP_AUDIT_READ","CAP_PERFMON","CAP_BPF","CAP_CHECKPOINT_RESTORE"'
DEFAULT='"CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"'

# process ARGS [FIELDS [CAPABILITIES]]: a process object; FIELDS with a comma at their end
process() {
    local caps=${3:-$DEFAULT}
    echo "{ ${2:-} \"user\": { \"uid\": 0, \"gid\": 0 }, \"args\": [$1], \"env\": [\"PATH=/bin\"], \"cwd\": \"/\",
      \"capabilities\": { \"bounding\": [$caps], \"effective\": [$caps], \"permitted\": [$caps], \"inheritable\": [$caps], \"ambient\": [$caps] } }"
}

# bundle DIR [PROCESS [ANNOTATIONS]]: a bundle with busybox in it, whose program sleeps
bundle() {
    rm -rf "$1"; mkdir -p "$1/rootfs/bin" "$1/rootfs/etc" "$1/rootfs/tmp" "$1/rootfs/proc" "$1/rootfs/dev" "$1/rootfs/sys"
    cp /bin/busybox "$1/rootfs/bin/busybox"
    for applet in sh cat ls id touch mkdir sleep true; do ln "$1/rootfs/bin/busybox" "$1/rootfs/bin/$applet"; done
    echo root:x:0:0:root:/:/bin/sh > "$1/rootfs/etc/passwd"
    cat > "$1/config.json" <<END
{
  "ociVersion": "1.0.2",
  "process": ${2:-$(process '"sleep", "1000"')},
  "root": { "path": "rootfs" },
  "hostname": "scenario",
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"] }
  ],
  "annotations": { ${3:-} },
  "linux": { "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" }] }
}
END
}

# gone PID [SECONDS]: waits until the process has ended (10 seconds)
gone() {
    local i=0
    while kill -0 "$1" 2> /dev/null && [ $i -lt "${2:-10}0" ]; do sleep 0.1; i=$((i + 1)); done
}
