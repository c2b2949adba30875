# SPDX-License-Identifier: Apache-2.0
#
# A hostile container that changes its own programs, folders and links in loops while some hundred execs are made in it:
# whatever is caught in the act, no exec gets a label, a capability or a file that the profile and the catalog do not allow.
# What a race can still change is counted, and printed at the end.
# shellcheck shell=dash disable=SC1091,SC2012,SC2034,SC2086,SC2154
. ./micro/scenarios.sh

# The ceiling is what aa-scenario-race and its children allow: chown, dac_override, kill, which is 23. So no set may hold other
# digits than those of 2?[0-3].

# Three changes lie between two pauses of aa-probe, so the number of a link's targets is no multiple of three.
#
# The bundle: programs a, b, c that are the same but for their inode. By its name `a` is to run under the child a, and so on;
# c may not be executed.
hostile_bundle() {
    local folder
    bundle /tmp/b "$(process '"/bin/sh", "/hostile"' '' "$ALL")" '"scenario": "race"'
    for folder in fixed fixed/forbidden moved one two links; do mkdir -p /tmp/b/rootfs/opt/$folder; done
    for folder in fixed moved one two; do
        for name in a b c; do cp /usr/bin/aa-probe /tmp/b/rootfs/opt/$folder/$name; done
    done
    cp /usr/bin/aa-probe /tmp/b/rootfs/opt/fixed/ruled
    cp /usr/bin/aa-probe /tmp/b/rootfs/opt/fixed/forbidden/a
    mkfifo /tmp/b/rootfs/opt/fixed/fifo
    : > /tmp/b/rootfs/opt/fixed/outside
    cp /usr/bin/aa-probe /tmp/b/rootfs/bin/aa-probe
    # What a link could lead to on the host and not in the container.
    mkdir -p /opt/host && cp /usr/bin/aa-probe /opt/host/a
    cat > /tmp/b/rootfs/hostile <<'END'
cd /opt
aa-probe exchange /tmp/1 moved/a moved/b > /dev/null &
aa-probe exchange /tmp/2 moved/a moved/c > /dev/null &
aa-probe exchange /tmp/3 one two > /dev/null &
aa-probe flip /tmp/4 links/program /opt/fixed/a /opt/fixed/b /opt/fixed/c ../fixed/ruled /opt/fixed/forbidden/a > /dev/null &
aa-probe flip /tmp/5 links/folder /opt/fixed ../one /opt/fixed/forbidden ../two > /dev/null &
aa-probe flip /tmp/6 links/out /opt/fixed/a /opt/host/a ../../../../../../opt/host/a /proc/self/exe /proc/1/root/opt/host/a /opt/fixed/fifo /dev/zero \
    /opt/fixed/outside out nowhere /opt/fixed /dev /proc/self/fd/3 > /dev/null &
wait
END
}

# The container's own programs: device and inode, and name. (A name that moves is the one that the program had at first.)
list_programs() {
    local file
    for file in /tmp/b/rootfs/opt/*/[abc] /tmp/b/rootfs/opt/fixed/ruled /tmp/b/rootfs/opt/fixed/forbidden/a; do
        echo "$(stat -c %d:%i $file) ${file#/tmp/b/rootfs/opt/}"
    done
}

# race WORD: an exec of it, put down in /tmp/race with what it said.
race() {
    echo "exec $1"
    shim exec race "$1" < /dev/null 2>&1
}

# Reads the programs and then what race() put down. Prints what must not be as "wrong: …", then how often each thing happened.
judge() {
    awk '
        function count(what) { counts[word ": " what]++; ended = 1 }
        function wrong(what) { print "wrong: " word ": " what ": " $0 }
        FNR == NR { programs[$1] = $2; next }
        $1 == "exec" && NF == 2 { if (word != "" && !ended) count("came to nothing"); word = $2; ended = 0; execs++; next }
        /^uid=/ {
            if (!match($0, / label=.*$/)) wrong("no label")
            label = substr($0, RSTART + 7)
            if (label !~ /^aa-scenario-race(\/\/[ab])? \(enforce\)$/) wrong("label")
            sub(/^aa-scenario-race/, "", label); sub(/^\/\//, "", label); sub(/ \(enforce\)$/, "", label)
            for (i = 1; i <= NF; i++) {
                split($i, pair, "=") # exe=DEVICE:INODE, Eff=SET
                if (pair[1] == "exe") program = programs[pair[2]]
                if (pair[1] ~ /^(Inh|Prm|Eff|Bnd|Amb)$/ && pair[2] !~ /^2?[0-3]$/) wrong("capabilities beyond the ceiling")
            }
            if (program == "") wrong("a file that is not one of the container")
            count("ran " program " under " (label == "" ? "the base profile" : label))
            next
        }
        ended { next }
        /aa-shim: .*permission denied/ { count("refused"); next }
        /aa-shim: / { count("refused: not there, or not to be told"); next }
        /[Nn]o such file|not found|[Pp]ermission denied|[Tt]oo many|[Ii]s a directory|exec format|not executable/ { count("the runtime could not start it"); next }
        END {
            if (!ended) count("came to nothing")
            for (what in counts) print counts[what], what
            print execs, "execs"
        }' /tmp/programs "$1"
}

race_many() {
    local i=0
    while [ $i -lt "$1" ]; do
        for word in /opt/moved/a /opt/one/a /opt/links/program /opt/links/folder/a /opt/links/out; do race $word; done
        i=$((i + 5))
    done
}

# become PID: waits until it is no longer the runtime's own process in the container.
become() {
    local i=0
    while [ $i -lt 100 ]; do
        case $(readlink "/proc/$1/exe") in *runc* | *crun* | *memfd*) sleep 0.1; i=$((i + 1)) ;; *) return ;; esac
    done
}

# Programs that stay are asked about from outside.
check_lasting() {
    local i=0 exec_pid got strange=""
    while [ $i -lt 20 ]; do
        exec_pid=$(exec_pid race "$(process '"/opt/links/program", "sleep"' '"apparmorProfile": "unconfined",' "$ALL")" 2> /dev/null)
        if [ -n "$exec_pid" ]; then
            become "$exec_pid"
            got=$(label "$exec_pid")
            case $got in
                "aa-scenario-race (enforce)" | "aa-scenario-race//a (enforce)" | "aa-scenario-race//b (enforce)") lasted=$((lasted + 1)) ;;
                *) strange="$strange$got; " ;;
            esac
            got=$(capability_sets "$exec_pid")
            echo "$got" | tr ' ' '\n' | grep -vqE '^(...=2?[0-3])?$' && strange="$strange$got; "
        fi
        i=$((i + 1))
    done
    equal "programs that stay: labels and capabilities, asked from outside" "$strange" ""
    detail=$lasted; ok "programs that stay: some did start" [ "$lasted" -gt 0 ]
}

changes() { cat /tmp/b/rootfs/tmp/[1-6] 2> /dev/null | tr '\n' ' '; }

check_race() {
    local lasted=0 before
    hostile_bundle
    list_programs > /tmp/programs
    start race /tmp/b || return
    race_many "$1" > /tmp/race
    judge /tmp/race > /tmp/judged
    equal "no exec got what it may not have" "$(grep '^wrong' /tmp/judged)" ""
    detail=$(grep ' execs$' /tmp/judged); ok "so many execs were made" [ "${detail% execs}" -ge "$1" ]
    detail=$(cat /tmp/judged); ok "some ran and some were refused" [ "$(grep -c ' ran \| refused' /tmp/judged)" -gt 3 ]
    check_lasting
    before=$(changes)
    equal "the container was at work all the time" "$(echo $before | wc -w)" 6
    detail="$before: $(changes)"; ok "and still is" [ "$before" != "$(sleep 1; changes)" ]
    echo "# $part: changes: $(changes)"
    grep -v '^wrong' /tmp/judged | sort -k2 | sed "s/^/# $part: /"
    stop race
}

race_with() {
    part=${1#*bin/} state=/run/scenario-$part
    mkdir -p "$state"
    ln -sfn "/usr/$1" /etc/aa-shim/runtime
    check_race "$2"
}

# The second line of `select` says how many execs, if not 250; a tenth of them by runc, which takes four times as long.
main() {
    local execs; execs=$(sed -n 2p select)
    execs=${execs:-250}
    race_with bin/crun $((execs * 9 / 10))
    race_with sbin/runc $((execs / 10))
}
