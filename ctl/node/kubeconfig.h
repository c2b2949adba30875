// SPDX-License-Identifier: Apache-2.0
//
// How kubectl reaches the API server from a pod: a configuration file that names the server, its CA and the service account's token.
// kubectl would find these by itself, but only if nothing at all is overridden on its command line: with any such option, a mere
// --request-timeout, it asks localhost:8080 instead (client-go tools/clientcmd/merged_client_builder.go; seen on kubectl 1.20, 1.32
// and 1.36).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace aa::ctl::node {

// The environment for kubectl: KUBECONFIG, ours if we have one, else a file of our own for the pod that we are in; and HOME, a
// directory of our own below TMPDIR or /tmp, where kubectl keeps what it knows of the server's API. The token is read by kubectl
// itself each time, as the kubelet replaces it. An error if this is no pod with a service account.
Result<std::vector<std::string>> kubectl_environment();

}  // namespace aa::ctl::node
