# SPDX-License-Identifier: Apache-2.0
#
# A kernel whose AppArmor is off: nothing starts, unless the catalog says "withoutAppArmor": "capabilities-only".
# shellcheck shell=dash disable=SC1091,SC2012,SC2034,SC2086,SC2154
. ./micro/scenarios.sh

main() {
    for runtime in sbin/runc bin/crun; do
        part="${runtime#*bin/} without AppArmor" state=/run/scenario-state
        mkdir -p $state
        ln -sfn /usr/$runtime /etc/aa-shim/runtime
        rm -f /etc/aa-shim/catalog.d/99-without.json /run/aa-shim/catalog
        aa-shimctl load > /tmp/load 2>&1
        ok "load, by default: refused" [ $? != 0 ]
        has "load, by default: message" "$(cat /tmp/load)" AppArmor
        bundle /tmp/b; refused "by default" "aa-shimctl load"
        echo '{ "withoutAppArmor": "capabilities-only" }' > /etc/aa-shim/catalog.d/99-without.json
        detail=$(aa-shimctl load 2>&1); ok "load" [ $? = 0 ]
        bundle /tmp/b "$(process '"sleep", "1000"' '' "$ALL")"
        start c /tmp/b || continue
        equal "init: five capability sets" "$(capability_sets "$pid")" "$(expected_sets $BASELINE)"
        equal "exec: five capability sets" "$(capability_sets "$(exec_pid c "$(process '"sleep", "1000"' '' "$ALL")")")" "$(expected_sets $BASELINE)"
        stop c
    done
}
