#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC1091
#
# On the engine host, in the shared folder: what scripts/quickstart shows there. The table goes to the file `table`.
set -eu
. ./scenarios/install.sh
./start-engine
aa-shimctl load
for image in busybox nginx redis; do docker tag "aa-example/$image" "$image"; done
./examples/demo > table
