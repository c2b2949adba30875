// SPDX-License-Identifier: Apache-2.0
//
// What aa-shim is on a node besides its catalog: the two programs, a link for each handler, and the unit that puts the catalog
// in force at boot. Engines call them by path at any time, so each is replaced by one rename, and nothing is ever taken away
// while a container may need it (removal.h does that).
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"

namespace aa::ctl::node {

// Where the programs stand on a node.
inline constexpr const char* kPrograms = "/opt/aa-shim/bin";
inline constexpr const char* kShim = "/opt/aa-shim/bin/aa-shim";
inline constexpr const char* kCtl = "/opt/aa-shim/bin/aa-shimctl";

inline constexpr const char* kBootUnit = "/etc/systemd/system/aa-shim-node.service";
inline constexpr const char* kBootLink = "/etc/systemd/system/multi-user.target.wants/aa-shim-node.service";

class Programs {
public:
    explicit Programs(const Host& host) : host_(host) {}

    // The node's TO is a copy of our file FROM, root's and executable; whether that needed a change. A copy that was compared
    // once is compared again only after somebody touched it.
    Result<bool> install(const std::string& from, const std::string& to);

private:
    const Host& host_;
    std::map<std::string, struct stat> compared_;
};

// Whether a container could start: the node's aa-shim finds a runtime there and becomes it. What it says, if not.
Result<void> require_runtime(const Host& host);

// "aa-shim-NAME" leads to aa-shim for each of HANDLERS, names as a catalog's fact `handler` has them ("web").
Result<void> make_handlers(const Host& host, const std::vector<std::string>& handlers);

// On a node with systemd: the unit that loads the catalog before any engine starts. /run is empty after a boot, and until
// the agent's own pod runs, whatever the engine starts through aa-shim would be refused.
Result<void> install_boot_unit(const Host& host);

}  // namespace aa::ctl::node
