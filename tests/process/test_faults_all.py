# SPDX-License-Identifier: Apache-2.0
"""test_faults, test_faults_start, test_faults_traced and test_faults_ctl, with all that can happen to each call."""

import test_faults
from test_faults import *  # noqa: F403
from test_faults_ctl import *  # noqa: F403
from test_faults_start import *  # noqa: F403
from test_faults_traced import *  # noqa: F403

test_faults.Faults.exhaustive = True
