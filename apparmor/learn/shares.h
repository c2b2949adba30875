// SPDX-License-Identifier: Apache-2.0
//
// What of a recording each domain has to be allowed: what its programs did, what was done by whom is not known, what others may have done to
// it, and what it inherits. For aa-shimctl only.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "apparmor/learn/domains.h"

namespace aa::apparmor {

class Shares {
public:
    // Both must outlive it.
    Shares(const std::vector<Seen>& facts, const Domains& domains);

    // Those of the domain of that number.
    [[nodiscard]] const std::vector<Seen>& of(std::size_t domain) const { return shares_[domain]; }
    // The facts among them that nobody recorded: whoever keeps such a share keeps these.
    [[nodiscard]] std::shared_ptr<const std::deque<Fact>> made() const { return made_; }

private:
    void share(const Seen& seen);
    // Those in which the program of FACT runs, in order.
    [[nodiscard]] std::vector<std::size_t> domains_with(const Fact& fact) const;
    // The other side of what SEEN does to a process of its own kind, which may run in any domain, for all but TAKERS.
    void mirror(const Seen& seen, const std::vector<std::size_t>& takers);
    // The file that EXEC executes is mapped under the child that it leads to.
    void load(const Seen& exec);

    const Domains& domains_;
    std::vector<std::vector<Seen>> shares_;
    std::shared_ptr<std::deque<Fact>> made_ = std::make_shared<std::deque<Fact>>();
};

// What the program that EXEC, a fact, executes maps of its own file once it has begun, if that changes its label.
Fact loading(const Fact& exec);

// Of FACTS all but files that were inherited and that nobody of the container opened: those are its engine's, and stay open.
std::vector<Seen> without_foreign(const std::vector<Seen>& facts);

// FACTS as they are to be asked about for a profile with CHILDREN: about a peer of its own kind once for each label of these.
class Expanded {
public:
    Expanded(const std::vector<Seen>& facts, const std::vector<std::string>& labels);

    [[nodiscard]] const std::vector<Seen>& facts() const { return facts_; }
    // Of ANSWERS about facts() whether those about each of the original ones are all true.
    [[nodiscard]] std::vector<bool> collected(const std::vector<bool>& answers) const;

private:
    std::deque<Fact> made_;
    std::vector<Seen> facts_;
    std::vector<std::size_t> of_;  // the number of the original
    std::size_t count_ = 0;
};

}  // namespace aa::apparmor
