# SPDX-License-Identifier: Apache-2.0
#
# `aa-shimctl learn`, whichever of its system calls fails, whenever it is killed: no twin stays that forbids nothing without that being told, no
# limit stays raised, no recording is torn, and the next command does its work. A sample, or with `every` five times as many, others
# each day. Then with a clock of the day that is set back meanwhile.
# shellcheck shell=dash disable=SC1091,SC2012,SC2034,SC2086,SC2154

kept=/var/lib/aa-shim/learn profiles=/sys/kernel/security/apparmor/profiles
limit() { aa-probe audit-limit "$@" | sed -n 's/^audit limit: //p'; }
complains() { grep -q '^aa-shim-learning-.* (complain)$' $profiles; }
last_line() { [ "$(tail -n 1 /tmp/report 2> /dev/null)" = end ]; }

# injected FAULT…: a learning of a second under the injector; its exit code in $code (or that it had to be ended), what it said in $said
injected() {
    local begun
    rm -f /tmp/report
    begun=$(cut -d. -f1 /proc/uptime)
    timeout -s KILL 60 aa-inject /tmp/report "$@" /usr/bin/aa-shimctl learn web --for 1s > /tmp/out 2>&1
    code=$? said=$(cat /tmp/out)
    [ $(($(cut -d. -f1 /proc/uptime) - begun)) -lt 60 ] || code=endless
    local i=0
    until last_line || [ $i = 300 ]; do sleep 0.1; i=$((i + 1)); done
}

# One call fails, is not made, and is all that fails: here as on kernels that tell a tracer of calls.
injects() {
    mkdir -p /tmp/injected
    detail=$(aa-inject /tmp/report error=122 0 1:mkdir /bin/busybox mkdir /tmp/injected/a /tmp/injected/b 2>&1)
    equal "the injector: it fails" "$?: $detail" "1: mkdir: can't create directory '/tmp/injected/a': Disk quota exceeded"
    equal "the injector: the next call is made" "$(ls /tmp/injected)" b
}

# What can go wrong with each call of a learning, a line each: "FAULT PROCESS CALL NAME".
all_faults() {
    injected list
    awk 'NR == FNR { row[$1] = $0; next }
        $1 ~ /^[0-9]/ { n = split($3 in row ? row[$3] : row["-"], what, " "); for (i = 2; i <= n; ++i) print what[i], $1, $2, $3 }' micro/faults /tmp/report
}

# Whether all is as it should be after the fault $fault of process $process; else says why not.
is_safe() {
    local status=0
    aa-shimctl status > /tmp/status 2>&1 || status=$?
    if complains; then
        [ "$code" != 0 ] || { echo "it ended well, and the twin complains"; return 1; }
        grep -q 'still forbids next to nothing' /tmp/status || { echo "status does not tell: $(cat /tmp/status)"; return 1; }
    elif [ $status != 0 ]; then
        echo "status: $(cat /tmp/status)"; return 1
    fi
    case $code in
        0) [ -s $kept/web.recording ] || { echo "nothing is kept"; return 1; } ;;
        1 | 2 | 3) case $said in *aa-shimctl:*) ;; *) echo "nothing was said"; return 1 ;; esac ;;
        137) ;;
        *) [ $code = 143 ] || { echo "it ended with $code"; return 1; } ;;
    esac
    [ $code = 137 ] || [ "$(limit)" = "$before" ] || { echo "the audit limit is $(limit)"; return 1; }
    aa-shimctl learn --status > /tmp/status 2>&1 || { echo "torn: $(cat /tmp/status)"; return 1; }
}

# Whether the next command has what was left put right.
is_put_right() {
    limit $before > /dev/null
    complains || return 0
    "$@" > /tmp/out 2>&1 || { echo "$* failed: $(cat /tmp/out)"; return 1; }
    ! complains && aa-shimctl status > /tmp/status 2>&1 || { echo "after $*: $(cat /tmp/status)"; return 1; }
}

main() {
    part=learn
    injects
    before=$(limit)
    all_faults > /tmp/faults
    local total step from=0 fault process call name number=0
    detail=$said
    equal "without a fault: it ends well" "$code" 0
    equal "without a fault: the audit limit is as it was" "$(limit)" "$before"
    total=$(wc -l < /tmp/faults)
    ok "there are calls enough ($total faults)" [ "$total" -gt 1000 ]
    case $(cat select) in *every*) step=$((total / 200)) from=$(($(date +%s) / 86400 % step)) ;; *) step=$((total / 40)) ;; esac
    echo "# the faults whose number is $from modulo $step"
    awk -v step=$step -v from=$from 'NR % step == from' /tmp/faults > /tmp/chosen
    while read -r fault process call name; do
        number=$((number + 1))
        injected $fault $process $call:$name
        detail=$(is_safe)
        ok "process $process, call $call, $name: $fault ($code)" [ -z "$detail" ]
        detail=$(if [ $((number % 2)) = 0 ]; then is_put_right aa-shimctl load; else is_put_right aa-shimctl learn web --for 1s; fi)
        ok "the next command puts it right" [ -z "$detail" ]
    done < /tmp/chosen
    set_back
}

# The recording goes on to be kept, and it ends when its time is over.
set_back() {
    aa-shimctl learn web --for 20s > /tmp/out 2>&1 &
    local learner=$! begun i=0
    until grep -q '^Learning from' /tmp/out || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done
    date -s "@$(($(date +%s) - 86400))" > /dev/null
    begun=$(cut -d. -f1 /proc/uptime)
    rm -f $kept/web.progress
    sleep 9
    ok "the clock is set back: what is recorded is kept on" [ -s $kept/web.progress ]
    wait $learner
    equal "the clock is set back: it ends well" $? 0
    ok "the clock is set back: when its time is over" [ $(($(cut -d. -f1 /proc/uptime) - begun)) -lt 40 ]
}
