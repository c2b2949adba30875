// SPDX-License-Identifier: Apache-2.0
//
// K3s and RKE2: where each keeps its data, and with that its containerd's configuration and its own programs.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/install/plan/units.h"

namespace aa::ctl::install {

struct Distribution {
    std::string_view name;
    std::array<std::string_view, 2> units;  // of a server, of an agent
    std::string_view programs;              // the folder of runc below its data
};
inline constexpr Distribution kK3sFacts = {"k3s", {"k3s.service", "k3s-agent.service"}, "/data/current/bin"};
inline constexpr Distribution kRke2Facts = {"rke2", {"rke2-server.service", "rke2-agent.service"}, "/bin"};

// The unit by which HOST starts it: the server's if that is there, or if none is.
Unit rancher_unit(const Host& host, const Distribution& facts);

// The directory of its data: what --data-dir of its unit says, else data-dir in its configuration files, else the variable of its unit, else
// the usual one. An error: a file says it in a form that is not followed, or what is said is no absolute path.
Result<std::string> rancher_data(const Host& host, const Distribution& facts);

// The directory of its containerd's configuration, where its data is in DATA.
std::string rancher_containerd(std::string_view data);

}  // namespace aa::ctl::install
