# SPDX-License-Identifier: Apache-2.0
#
# What the kernel denies under a profile, and what `aa-shimctl denials` makes of it: each deed of aa-deed is done under a profile that allows
# next to nothing; what is told is added, and so on until the deed is done. The records are left in `records`, for the unit tests.
# shellcheck shell=dash disable=SC2034,SC2154

DENIED=aa-denied
NOBODY=/tmp/no-profiles
abi='abi <kernel>,'

# load_denied FLAGS RULES: the profile, and the one that its deeds lead to
load_denied() {
    cat > /tmp/denied.profile << END
$abi
profile $DENIED flags=($1) {
  /proc/*/attr/apparmor/* rw,
  set rlimit memlock <= 1M,
$2
}
profile aa-deed-other { /tmp/deed/readable r, signal, }
END
    apparmor_parser --replace --skip-cache /tmp/denied.profile 2> /tmp/denied.errors
}

deed() { timeout 20 aa-deed $DENIED "$1" < /dev/null 2>&1 | cat; }

# what the log says since it was emptied, as denials tells it
tell() {
    dmesg | grep apparmor= > /tmp/denied.records
    cat /tmp/denied.records >> records
    aa-shimctl denials --file /tmp/denied.records --profiles $NOBODY > /tmp/denied.told
}

# learn DEED: does it, adds what is told, and so on until nothing is denied any more; sets $outcome, $rules and $flags
learn() {
    rules=$given flags=enforce rounds=0
    while [ $rounds -lt 6 ]; do
        rounds=$((rounds + 1))
        load_denied "$flags" "$rules" || { outcome="does not compile: $(cat /tmp/denied.errors)"; return; }
        dmesg -c > /dev/null
        outcome=$(deed "$1")
        tell
        sed -n 's/^      add: flags=(\(.*\))$/flag \1/p; s/^      add: \(.*\)$/rule \1/p' /tmp/denied.told > /tmp/denied.lines
        [ -s /tmp/denied.lines ] || return
        while read -r kind text; do
            case $kind in flag) flags="$flags,$text" ;; rule) rules="$rules
  $text" ;; esac
        done < /tmp/denied.lines
    done
}

# check DEED RULE…: it is denied at first and done in the end, and each RULE was told on the way
check() {
    local name=$1; shift
    learn "$name"
    case $outcome in "$name: not here"*) return ;; esac
    detail="after $rounds rounds; $(cat /tmp/denied.told)"
    equal "$name: denied, and done with what is told" "$outcome, denied $([ $rounds -gt 1 ] && echo first)" "$name: done, denied first"
    has "$name: by the rules that are meant" "$rules flags=($flags)" "$@"
    given=
}

# advised DEED WORDS…: no rule would do, and it is told what would
advised() {
    local name=$1; shift
    learn "$name"
    has "$name: what is to be done" "$(cat /tmp/denied.told)" "$@"
    equal "$name: no rule is told" "$rules" "$given"
    given=
}

check_files() {
    check read 'owner /tmp/deed/file r,'
    check read-odd 'owner "/tmp/deed/a b\012\"\{x\,y\}\*\?\[z\]@\{HOME\}\^\,#\134x41\377\303\244" r,'
    check read-own 'capability setuid,' 'owner /tmp/deed/own r,'
    check write 'owner /tmp/deed/file w,'
    check append 'owner /tmp/deed/file a,'
    check create 'owner /tmp/deed/new w,'
    check list 'owner /tmp/deed/folder/ r,'
    check mkdir 'owner /tmp/deed/made/ w,'
    check rmdir 'owner /tmp/deed/folder/ w,'
    check unlink 'owner /tmp/deed/file w,'
    check symlink 'owner /tmp/deed/symlink w,'
    check mknod 'owner /tmp/deed/fifo w,'
    check truncate 'owner /tmp/deed/file w,'
    check chmod 'owner /tmp/deed/file w,'
    check chown 'owner /tmp/deed/file w,' 'capability chown,'
    check rename 'owner /tmp/deed/file rw,' 'owner /tmp/deed/renamed w,'
    check rename-folder 'owner /tmp/deed/folder/ rw,' 'owner /tmp/deed/renamed/ w,'
    check link 'link /tmp/deed/linked -> /tmp/deed/file,'
    check lock 'owner /tmp/deed/readable k,'
    check map 'owner /tmp/deed/readable m,'
    check exec 'owner /tmp/deed/program ix,'
    check inherit 'owner /tmp/deed/other ix,'
    check disconnected 'flags=(enforce,attach_disconnected)' 'owner /inside r,'
    check deleted 'owner /tmp/deed/file r,'
    given='/tmp/deed/exec-missing px -> aa-deed-missing,'
    advised exec-missing 'load the profile'
}

check_sockets() {
    check tcp 'network inet stream,'
    check raw 'network inet raw,' 'capability net_raw,'
    check udp6 'network inet6 dgram,'
    check netlink 'network netlink raw,'
    case $(uname -r) in 6.*) # knows no sockets' names
        for deed in unix unix-bind unix-connect unix-file; do check $deed 'network unix stream,'; done
        return ;;
    esac
    check unix 'unix (create) type=stream,'
    check unix-bind 'unix (bind) type=stream addr="@deed bound",'
    check unix-connect 'unix (send, receive, connect) type=stream peer=(label=unconfined, addr="@deed-listens"),'
    check unix-file 'owner /tmp/deed/socket rw,'
}

check_others() {
    check capability 'capability sys_admin,'
    check signal 'signal (send) set=(winch) peer=unconfined,'
    check signal-rt 'signal (send) set=(rtmin+8) peer=unconfined,'
    check signal-exists 'signal (send) set=(exists) peer=unconfined,'
    check receive 'signal (receive) set=(term) peer=unconfined,'
    check ptrace 'ptrace (trace) peer=unconfined,'
    given='/proc/*/environ r, capability sys_ptrace,' # the number is another one each time
    check ptrace-read 'ptrace (read) peer=unconfined,'
    check change 'change_profile -> aa-deed-other,'
    check onexec 'change_profile -> aa-deed-other,'
    check rlimit 'set rlimit memlock <= 2097152,'
    check queue 'flags=(enforce,attach_disconnected)'
    advised onexec-missing "load the profile 'aa-deed-missing'"
    case $(uname -r) in 6.1.*) return ;; esac # mediates neither
    check userns 'userns,'
    check uring 'io_uring (sqpoll),'
}

check_mounts() {
    check mount 'mount fstype=tmpfs options=(rw, nosuid, nodev) tmpfs -> /tmp/deed/folder/,'
    check bind 'mount options=(rw, bind) /tmp/deed/folder/ -> /tmp/deed/mnt/,'
    check rbind 'mount options=(rw, rbind) /tmp/deed/folder/ -> /tmp/deed/mnt/,'
    check remount 'mount options=(ro, remount) -> /tmp/deed/tmpfs/,'
    check private 'mount options=(rw, private) -> /tmp/deed/tmpfs/,'
    check move 'mount options=(rw, move) /tmp/deed/tmpfs/ -> /tmp/deed/mnt/,'
    check umount 'umount /tmp/deed/tmpfs/,'
    check pivot 'pivot_root oldroot=/tmp/deed/tmpfs/old/ /tmp/deed/tmpfs/,'
}

# A profile that complains has the same told of it, and the deed is done.
check_complaint() {
    load_denied complain ""
    dmesg -c > /dev/null
    equal "complain: the deed" "$(deed read)" "read: done"
    tell
    has "complain: what is told" "$(cat /tmp/denied.told)" "open r /tmp/deed/file by 'aa-deed' [ALLOWED]" "add: owner /tmp/deed/file r,"
}

main() {
    part=denials given=
    mkdir $NOBODY
    echo 0 > /proc/sys/kernel/printk_ratelimit
    : > records
    load_denied enforce "" || abi= # the parser of AppArmor 3.0 has no such abi, and takes the kernel's without one
    check_files
    check_sockets
    check_others
    check_mounts
    check_complaint
}
