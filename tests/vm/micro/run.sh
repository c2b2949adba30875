#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091
#
# On the micro host, in the shared folder: aa-shim, the example catalog and its profiles in place, then the scenarios.
set -u
. ./scenarios/install.sh
. ./micro/lib.sh
if [ -d /sys/kernel/security/apparmor ]; then
    apparmor_parser --replace /etc/apparmor.d/runc /etc/apparmor.d/crun
    aa-shimctl load || { echo "Bail out! aa-shimctl load failed"; exit 1; }
    case $(cat select) in
        races*) . ./micro/races.sh ;;
        denials*) . ./micro/denials.sh ;;
        learn_faults*) . ./micro/learn-faults.sh ;;
        own_profile*) . ./micro/own-profile.sh ;;
        *) . ./micro/scenarios.sh ;;
    esac
else
    . ./micro/without-apparmor.sh
fi
{
    main
    finish
    echo $? > status
} 2>&1 | tee results.tap
exit "$(cat status)"
