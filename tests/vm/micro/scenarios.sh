# SPDX-License-Identifier: Apache-2.0
#
# aa-shim in front of runc and of crun, without an engine: what the kernel says of the init and of execs, and refusals.
# shellcheck shell=dash disable=SC1091,SC2012,SC2034,SC2086,SC2154

state=/run/scenario-state
shim() { aa-shim --root $state "$@"; }

# await_program PID: waits until the runtime's own process in the container has become the program; the runtime returns before.
await_program() {
    local i=0
    while [ $i -lt 100 ]; do
        case $(readlink "/proc/$1/exe") in *runc* | *crun* | *memfd*) sleep 0.1; i=$((i + 1)) ;; *) return ;; esac
    done
}

# start ID BUNDLE [PROGRAM]: create and start; sets $pid to the init's. (The container keeps the streams, so no pipes.)
start() {
    rm -f "/tmp/$1.pid"
    "${3:-aa-shim}" --root $state create --bundle "$2" --pid-file "/tmp/$1.pid" "$1" < /dev/null > /tmp/out 2>&1
    pid=$(cat "/tmp/$1.pid" 2> /dev/null)
    if [ -z "$pid" ]; then detail=$(cat /tmp/out); ok "create $1" false; return 1; fi
    shim start "$1"
    await_program "$pid"
}

stop() {
    shim kill "$1" KILL; gone "$pid"
    shim delete "$1"; rm -f "/tmp/$1.pid"
}

# exec_pid ID PROCESS: starts PROCESS as engines do; prints its pid
exec_pid() {
    echo "$2" > /tmp/process.json; rm -f /tmp/exec.pid
    shim exec --process /tmp/process.json --detach --pid-file /tmp/exec.pid "$1" < /dev/null > /tmp/exec.out 2>&1
    [ -s /tmp/exec.pid ] && await_program "$(cat /tmp/exec.pid)"
    cat /tmp/exec.pid
}

check_process() {
    equal "$1: label" "$(label "$2")" "$3 (enforce)"
    equal "$1: five capability sets" "$(capability_sets "$2")" "$(expected_sets "$4")"
}

# check_container NAME LABEL CAPABILITIES PROCESS ANNOTATIONS [PROGRAM]: init and execs, among them one that asks for everything
check_container() {
    bundle /tmp/b "$4" "$5"
    start c /tmp/b "${6:-aa-shim}" || return
    check_process "$1: init" "$pid" "$2" "$3"
    check_process "$1: exec" "$(exec_pid c "$(process '"sleep", "1000"')")" "$2" "$3"
    check_process "$1: exec that asks for everything" \
        "$(exec_pid c "$(process '"sleep", "1000"' '"apparmorProfile": "unconfined", "noNewPrivileges": false,' "$ALL")")" "$2" "$7"
    stop c
}

check_containers() {
    local plain any='"apparmorProfile": "unconfined",'
    plain=$(process '"sleep", "1000"')
    check_container "otherwise" aa-shim-baseline $BASELINE "$plain" "" aa-shim $BASELINE
    check_container "unconfined and all capabilities asked for" aa-shim-baseline $BASELINE "$(process '"sleep", "1000"' "$any" "$ALL")" "" aa-shim $BASELINE
    check_container "by handler" aa-shim-web $WEB "$plain" "" aa-shim-web $WEB
    check_container "by request" aa-shim-web $WEB "$plain" '"aa-shim/confinement": "web"' aa-shim $WEB
    check_container "by annotation, strict" aa-shim-web 400 "$plain" '"scenario": "strict"' aa-shim 400
    check_container "escaped keys" aa-shim-baseline $BASELINE \
        "$(process '"sleep", "1000"' '"\u0061pparmorProfile": "unconfined",' "$ALL" | sed 's/"capabilities"/"capabilit\\u0069es"/')" "" aa-shim $BASELINE
    check_container "replace" aa-shim-web 20 "$(process '"sleep", "1000"' '"apparmorProfile": "aa-scenario-own",')" '"scenario": "replace"' aa-shim 20
    bundle /tmp/b "$(process '"sleep", "1000"' '"apparmorProfile": "aa-scenario-own",')"
    if start c /tmp/b; then
        has "an own profile is stacked" "$(label "$pid")" aa-shim-baseline aa-scenario-own '//&' '(enforce)'
        stop c
    fi
}

# Actions that the profile allows and such that it denies; with --process and without.
check_actions() {
    bundle /tmp/b "" '"aa-shim/confinement": "web"'
    start c /tmp/b || return
    equal "allowed: write to /tmp" "$(shim exec c touch /tmp/allowed 2>&1)" ""
    has "denied: write to /etc" "$(shim exec c touch /etc/denied 2>&1)" "Permission denied"
    equal "exec by command: label" "$(shim exec c cat /proc/self/attr/apparmor/current | kernel_label)" "aa-shim-web (enforce)"
    equal "exec by command: capabilities" "$(shim exec c sh -c 'grep CapBnd /proc/self/status; cat /proc/self/attr/apparmor/current' 2>&1 | sed 's/^.*\t0*//' | kernel_label | tr '\n' ' ')" \
        "$WEB aa-shim-web//shell (enforce) "
    equal "exec --cap: no more than the ceiling" "$(shim exec --cap CAP_SYS_ADMIN c cat /proc/self/status | sed -n 's/CapBnd:\t0*//p')" "$WEB"
    equal "exec --apparmor unconfined: label" "$(shim exec --apparmor unconfined c cat /proc/self/attr/apparmor/current | kernel_label)" "aa-shim-web (enforce)"
    shim exec c sh -c 'exit 7'
    equal "exec: the program's status" $? 7
    equal "exec with no new privileges" "$(no_new_privileges "$(exec_pid c "$(process '"sleep", "1000"')")")" 1
    detail=$(shim state c); has "state passes through" "$detail" '"status": "running"'
    stop c
    bundle /tmp/b "" '"scenario": "strict"'
    start c /tmp/b || return
    has "denied syscall" "$(shim exec c mkdir /tmp/d 2>&1)" "Operation not permitted"
    equal "other syscalls" "$(shim exec c touch /tmp/allowed 2>&1)" ""
    shim exec c id > /tmp/out 2>&1; equal "exec rule: status" $? 255
    has "exec rule: message" "$(cat /tmp/out)" "permission denied" "/bin/id" "nobody needs to know"
    stop c
    bundle /tmp/b "" '"scenario": "closed"'
    start c /tmp/b || return
    equal "exec rule: child profile" "$(shim exec c cat /proc/self/attr/apparmor/current 2>&1 | kernel_label)" "aa-shim-web//shell (enforce)"
    shim exec c touch /tmp/x > /tmp/out 2>&1; equal "exec otherwise deny: status" $? 255
    has "exec otherwise deny: message" "$(cat /tmp/out)" "permission denied" "/bin/touch"
    stop c
}

# What engines' own default profiles deny, the shipped ones deny, too: nothing else does here. Numbers: AF_INET, AF_ALG, AF_VSOCK.
check_engine_defaults() {
    local confinement probe="/bin/aa-probe socket 2 1 read /proc/version touch /proc/self/comm socket 38 5 socket 40 1 touch /proc/version touch /proc/tty/drivers userns"
    equal "the host has user namespaces" "$(aa-probe userns | tail -n 1)" "user namespace: done"
    for confinement in baseline builder web database; do
        bundle /tmp/b "" "\"aa-shim/confinement\": \"$confinement\""
        [ $confinement != baseline ] || bundle /tmp/b
        cp /usr/bin/aa-probe /tmp/b/rootfs/bin/
        start c /tmp/b || return
        equal "$confinement: what engines deny is denied, the rest is not" "$(shim exec c $probe 2>&1 | tail -n +2 | tr '\n' ';')" \
            "socket 2: done;read /proc/version: done;touch /proc/self/comm: done;socket 38: errno 13;socket 40: errno 13;touch /proc/version: errno 13;touch /proc/tty/drivers: errno 13;user namespace: errno 13;"
        stop c
    done
}

# Policy that others load counts from the next exec on, and explain says what an exec gets.
check_policy_changes() {
    bundle /tmp/b "" '"aa-shim/confinement": "web"'
    start c /tmp/b || return
    has "explain: as loaded" "$(aa-shimctl explain --exec --json --root $state c -- cat 2>&1)" \
        '"label": "aa-shim-web"' '"route": "inherited"' '"file": "/etc/aa-shim/apparmor.d/aa-shim-web"'
    has "explain: an exec rule" "$(aa-shimctl explain --exec --json --root $state c -- sh 2>&1)" '"label": "aa-shim-web//shell"'

    echo "profile aa-scenario-new-$part { file, }" | apparmor_parser --replace
    equal "other policy was loaded: label" "$(shim exec c cat /proc/self/attr/apparmor/current 2>&1 | kernel_label)" "aa-shim-web (enforce)"

    sed 's#^profile aa-shim-web .*{$#&\n  deny /bin/cat x,\n  /bin/ls cx -> shell,#' /etc/aa-shim/apparmor.d/aa-shim-web | apparmor_parser --replace
    shim exec c cat /proc/self/attr/apparmor/current > /tmp/out 2>&1; equal "the profile was replaced, a program denied: status" $? 255
    has "the profile was replaced, a program denied: message" "$(cat /tmp/out)" "permission denied" "'aa-shim-web'" "'/bin/cat'"
    has "the profile was replaced: explain" "$(aa-shimctl explain --exec --json --root $state c -- cat 2>&1)" '"label": null' "permission denied"
    equal "the profile was replaced: what it allows" "$(shim exec c touch /tmp/allowed 2>&1)" ""
    has "the profile was replaced: a new transition" "$(aa-shimctl explain --exec --json --root $state c -- ls 2>&1)" '"label": "aa-shim-web//shell"'
    equal "the profile was replaced: the child, allowed" "$(shim exec c ls /bin/sh 2>&1)" /bin/sh

    aa-shimctl load > /tmp/out 2>&1; equal "loaded again: status" $? 0
    equal "loaded again: label" "$(shim exec c cat /proc/self/attr/apparmor/current 2>&1 | kernel_label)" "aa-shim-web (enforce)"
    stop c
}

# What load says of profiles that break containers, by what the kernel has then.
check_pitfalls() {
    local places=/etc/aa-shim
    echo "profile aa-scenario-deaf { /** rix, /bin/ls cx -> kid, /bin/id cx -> none, profile kid { file, signal, } }" > $places/apparmor.d/aa-scenario-deaf
    echo '{ "confinements": { "deaf": { "apparmor": "aa-scenario-deaf", "capabilities": [], "noNewPrivileges": true } } }' > $places/catalog.d/98-deaf.json
    aa-shimctl load > /tmp/out 2>&1; equal "pitfalls: load: status" $? 0
    has "pitfalls: load: notes" "$(cat /tmp/out)" "98-deaf.json:1:" "receives no signals from 'unconfined', 'runc', 'crun'" \
        "lacks flags=(attach_disconnected)" "for '/bin/id' (cx -> none) leads nowhere" "as '/bin/ls' into 'aa-scenario-deaf//kid'"
    rm $places/apparmor.d/aa-scenario-deaf $places/catalog.d/98-deaf.json
    equal "pitfalls: the shipped profiles have none" "$(aa-shimctl load 2>&1 | grep -c aa-shim-)" 0
}

check_run() {
    bundle /tmp/b "$(process '"sh", "-c", "cat /proc/self/attr/apparmor/current; exit 9"')"
    detail=$(shim run --bundle /tmp/b r); local status=$?
    equal "run in the foreground: status" $status 9
    bundle /tmp/b "$(process '"cat", "/proc/self/attr/apparmor/current"')"
    equal "run in the foreground: output" "$(shim run --bundle /tmp/b r 2>&1)" "aa-shim-baseline (enforce)"
    for odd in create exec; do
        bundle "/tmp/$odd" "$(process '"cat", "/proc/self/attr/apparmor/current"')"
        equal "a container and a bundle called $odd" "$(shim run --bundle "/tmp/$odd" $odd 2>&1)" "aa-shim-baseline (enforce)"
    done
    bundle /tmp/a=b "$(process '"cat", "/proc/self/attr/apparmor/current"')"
    equal "a bundle called a=b" "$(shim run --bundle=/tmp/a=b r 2>&1)" "aa-shim-baseline (enforce)"
    equal "the bundle is the working directory" "$(cd /tmp/a=b && shim run r 2>&1)" "aa-shim-baseline (enforce)"
    equal "nothing temporary in a bundle" "$(ls /tmp/a=b | tr '\n' ' ')" "config.json rootfs "
}

# refused NAME PART…: create from /tmp/b fails with status 1 and a message with the PARTs, changes nothing and leaves nothing
refused() {
    local name=$1 before mounts; shift
    before=$(cat /tmp/b/config.json) mounts=$(wc -l < /proc/mounts)
    rm -f /tmp/log
    shim --log /tmp/log --log-format json create --bundle /tmp/b --pid-file /tmp/x.pid x > /tmp/out 2> /tmp/err < /dev/null
    equal "$name: status" $? 1
    has "$name: message" "$(cat /tmp/err)" "aa-shim: " "$@"
    has "$name: runtime log" "$(cat /tmp/log)" '{"level":"error","msg":"aa-shim: '
    equal "$name: nothing on standard output" "$(cat /tmp/out)" ""
    equal "$name: config.json as before, no other file" "$(cat /tmp/b/config.json)$(ls /tmp/b | tr '\n' ' ')" "${before}config.json rootfs "
    equal "$name: no state, no mounts" "$(ls $state 2> /dev/null)$(wc -l < /proc/mounts)" "$mounts"
    shim delete --force x 2> /dev/null
    rm -f /tmp/x.pid
}

# edit SED: the plain bundle with its config.json edited
edit() { bundle /tmp/b; sed -i "$1" /tmp/b/config.json; }

check_refusals() {
    edit 's/"process"/"process": {}, "process"/'; refused "a duplicated key" process
    edit 's/"process"/"PROCESS": {}, "process"/'; refused "a case variant" PROCESS
    edit 's/"args"/"ApparmorProfile": "unconfined", "args"/'; refused "a case variant of the profile" ApparmorProfile
    edit 's/"process"/"proceſs": {}, "process"/'; refused "a Unicode fold" proce
    edit 's/"annotations": {/"annotations": null, "x": {/'; start c /tmp/b && { ok "annotations: null" true; stop c; }
    edit 's/"args"/"capabilities": null, "args"/'; refused "capabilities twice" capabilities
    bundle /tmp/b; head -c 300 /tmp/b/config.json > /tmp/half; cp /tmp/half /tmp/b/config.json; refused "a truncated config.json" config.json
    bundle /tmp/b; echo '{}' >> /tmp/b/config.json; refused "trailing bytes" config.json
    bundle /tmp/b 'null'; refused "process: null" "line 3, column 14" object
    bundle /tmp/b; printf '\377' | cat - /tmp/b/config.json > /tmp/half; cp /tmp/half /tmp/b/config.json; refused "not UTF-8" config.json
    bundle /tmp/b; head -c 200000 /dev/zero | tr '\0' '[' > /tmp/b/config.json; refused "200,000 open brackets" config.json
    bundle /tmp/b; mv /tmp/b/config.json /tmp/elsewhere.json; ln -s /tmp/elsewhere.json /tmp/b/config.json; refused "a symbolic link" config.json
    bundle /tmp/b "" '"aa-shim/decision": "mine"'; refused "a reserved annotation" aa-shim/decision
    bundle /tmp/b "" '"bundle": "/tmp"'; refused "an annotation called bundle" bundle
    bundle /tmp/b "" '"scenario": "reject"'; refused "a rule that rejects" "no such thing on this host" 05-scenarios.json
    bundle /tmp/b "" '"scenario": "strict", "aa-shim/confinement": "web"'; refused "a request that is not selectable" web selectable
    bundle /tmp/b "$(process '"true"' | sed 's#"cwd": "/"#"cwd": "/proc/self/fd/7"#')"; refused "a working directory below /proc" /proc/self/fd/7
    for name in u un unconfine : 'aa-shim-web//&' '//&aa-shim-web' 'aa-no-such-profile'; do
        bundle /tmp/b "$(process '"true"' "\"apparmorProfile\": \"$name\",")"; refused "the profile name $name" profile
    done
    apparmor_parser --remove /etc/aa-shim/apparmor.d/aa-scenario-removed
    bundle /tmp/b "" '"scenario": "removed"'; refused "a profile that is gone" aa-scenario-removed "not loaded"
    aa-shimctl load > /tmp/out 2>&1 || ok "load after that" false
    check_catalogs
}

check_catalogs() {
    bundle /tmp/b
    cp -p /run/aa-shim/catalog /tmp/catalog
    rm /run/aa-shim/catalog; refused "no catalog" "aa-shimctl load"
    head -c 100 /tmp/catalog > /run/aa-shim/catalog; refused "a truncated catalog" "aa-shimctl load"
    echo '#!/bin/sh' > /run/aa-shim/catalog; refused "a foreign catalog" "aa-shimctl load"
    cat /tmp/catalog > /run/aa-shim/catalog; chmod g+w /run/aa-shim/catalog; refused "a catalog that the group can write" "writable by root alone"
    start_without_catalog
    cp -p /tmp/catalog /run/aa-shim/catalog
    start c /tmp/b && { ok "and with the catalog back it starts" true; stop c; }
}

# What only looks or cleans up needs no catalog.
start_without_catalog() {
    cp -p /tmp/catalog /run/aa-shim/catalog
    start c /tmp/b || return
    rm /run/aa-shim/catalog
    shim exec c true > /tmp/out 2>&1; equal "exec without a catalog: status" $? 255
    has "exec without a catalog: message" "$(cat /tmp/out)" "aa-shimctl load"
    shim state c > /tmp/out; equal "state without a catalog" $? 0
    stop c; equal "kill and delete without a catalog" "$(ls $state)" ""
}

# The same of an exec in the container `good`. (crun takes the container's label where an exec has none.)
check_exec_watch() {
    rm -f /tmp/b/rootfs/tmp/label /tmp/b/rootfs/tmp/tracer
    process '"sh", "-c", "cat /proc/self/attr/apparmor/current; grep TracerPid /proc/self/status; echo done > /tmp/label"' > /tmp/exec.json
    shim exec --process /tmp/exec.json good < /dev/null > /tmp/out 2>&1
    ok "an exec whose label does not arrive: it fails" [ $? != 0 ]
    equal "and its program has done nothing" "$(ls /tmp/b/rootfs/tmp)" ""
}

# A runtime whose label never arrives (as when its write is diverted): what was started is ended before its program has written its label, which
# it does at once everywhere else; what obeys lives on.
check_watch() {
    local obeys real=$1 program
    program=$(process '"sh", "-c", "cat /proc/self/attr/apparmor/current > /tmp/label; grep TracerPid /proc/self/status > /tmp/tracer; exec sleep 1000"')
    bundle /tmp/b "$program"
    start good /tmp/b || return
    obeys=$pid
    until [ -s /tmp/b/rootfs/tmp/tracer ] || [ ! -e "/proc/$pid/exe" ]; do sleep 0.1; done
    equal "a label that arrives: the program's own word" "$(kernel_label < /tmp/b/rootfs/tmp/label)" "aa-shim-baseline (enforce)"
    equal "and nobody traces it" "$(cat /tmp/b/rootfs/tmp/tracer)" "TracerPid:	0"
    cat > "/opt/$part-without-labels" <<END
#!/bin/sh
for word; do
    shift
    [ "\$before" != --bundle ] || sed -i 's/"apparmorProfile":"[^"]*",*//' "\$word/config.json"
    [ "\$before" != --process ] || { sed 's/"apparmorProfile":"[^"]*"/"apparmorProfile":"unconfined"/' "\$word" > /tmp/process-without-label; word=/tmp/process-without-label; }
    before=\$word
    set -- "\$@" "\$word"
done
exec $real "\$@"
END
    chmod 755 "/opt/$part-without-labels"
    bundle /tmp/b2 "$program"
    "/opt/$part-without-labels" --root $state run --detach --bundle /tmp/b2 bare < /dev/null > /dev/null 2>&1
    until [ -s /tmp/b2/rootfs/tmp/label ]; do sleep 0.1; done
    detail=$(cat /tmp/b2/rootfs/tmp/label); ok "a label that does not arrive: without aa-shim its program runs, and has none" [ "${detail#aa-shim-}" = "$detail" ]
    "$real" --root $state delete --force bare
    ln -sfn "/opt/$part-without-labels" /etc/aa-shim/runtime
    bundle /tmp/b2 "$program"
    start bad /tmp/b2 || return
    gone "$pid"; ok "a label that does not arrive: the container is ended" [ ! -e "/proc/$pid/exe" ]
    equal "and its program has done nothing" "$(ls /tmp/b2/rootfs/tmp)" ""
    shim delete bad
    check_exec_watch
    ok "a container that obeys lives on" [ -e "/proc/$obeys/exe" ]
    ln -sfn "$real" /etc/aa-shim/runtime
    equal "an exec with its label: its own word" "$(shim exec --process /tmp/exec.json good 2>&1 | tr '\n' ' ')" "aa-shim-baseline (enforce) TracerPid:	0 "
    pid=$obeys; stop good
}

main() {
    mkdir -p /opt
    for runtime in sbin/runc bin/crun; do
        part=${runtime#*bin/} state=/run/scenario-$part
        mkdir -p $state
        ln -sfn /usr/$runtime /etc/aa-shim/runtime
        check_containers
        check_actions
        check_engine_defaults
        check_policy_changes
        check_run
        check_refusals
        check_watch /usr/$runtime
    done
    part=runc state=/run/scenario-runc
    ln -sfn /usr/sbin/runc /etc/aa-shim/runtime
    check_pitfalls
}
