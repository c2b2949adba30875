// SPDX-License-Identifier: Apache-2.0
//
// The catalog as Kubernetes delivers it, and its way onto the node. A ConfigMap's volume is a directory whose files are
// reached through the link `..data`; the kubelet makes a new directory and moves that link, so what stands behind one opening
// of `..data` belongs together. One ConfigMap holds both the catalog (*.json) and the AppArmor profiles (everything else),
// because they have to change together. What marks confinements to learn from stands beside them, and is no part of it (marks.h).
//
// A delivery reaches /etc/aa-shim of the node only after the node's own `aa-shimctl check` has passed it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ctl/host/host.h"

namespace aa::ctl::node {

struct Delivery {
    std::map<std::string, std::string> files;  // name → content
    std::string hash;                          // of names and contents, in 16 hexadecimal digits: tells deliveries apart, is no seal
};

// What is in DIRECTORY, a ConfigMap's volume or any directory of files. An error if it cannot be read as a whole, holds no
// *.json, a name that is no file's, or more than 4 MiB.
Result<Delivery> read_delivery(const std::string& directory);

// What stands on the node: the delivery that was installed last, read back. An error if there is none, or not all of it.
Result<Delivery> read_installed(const Host& host);

enum class Judge {
    node,        // the node's aa-shimctl with the node's AppArmor
    files_only,  // the catalog files alone, by our own aa-shimctl, where the tree at the host's root is no running node
};

// What `aa-shimctl check` says against DELIVERY: of kind `config` if the delivery is wrong, of kind `system` if the node cannot
// tell. Nothing that counts on the node is changed.
Result<void> check_delivery(const Host& host, const Delivery& delivery, Judge judge);

// Puts the delivery that was checked last in its place on the node. Each of the two directories is exchanged at once; what an
// operator had there before the first delivery is kept beside it.
Result<void> install_delivery(const Host& host);

// Takes the delivery away, and puts back what was there before the first one.
Result<void> remove_delivery(const Host& host);

}  // namespace aa::ctl::node
