// SPDX-License-Identifier: Apache-2.0
//
// What files of profiles were compiled to before, by the key of all that this depends on (policy_key.h): never another text's. Entries are
// root's alone, each with a digest of its own; one that others could have written, or that is damaged, is as if it was not there. For
// aa-shimctl only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/source/policy_key.h"
#include "base/fd.h"
#include "base/result.h"

namespace aa::apparmor {

inline constexpr const char* kPolicyCacheDirectory = "/var/lib/aa-shim/compiled";

// What may be kept; what was not used for the longest time goes first.
struct CacheLimits {
    std::size_t entries = 20'000;
    std::size_t bytes = std::size_t{512} << 20U;
};

class PolicyCache {
public:
    enum class Use : std::uint8_t {
        read,   // nothing is changed
        write,  // under lock_for_load(), so by one at a time
    };

    // The cache in DIRECTORY; with Use::write it is made if it is missing. An error if it cannot be used, or others than root could have
    // written it.
    static Result<std::shared_ptr<PolicyCache>> open(const std::string& directory, Use use, ParserPlaces places = {},
                                                     CacheLimits limits = {});

    // The binary policy that CALL makes of FILE as it is now, all of its profiles; nothing if that is not known.
    std::optional<std::string> policy(const ParserCall& call, const std::string& file);

    // Whether policy() has an answer.
    bool knows(const ParserCall& call, const std::string& file);

    // The names of these profiles as the kernel has them, children as "parent//child".
    std::optional<std::vector<std::string>> names(const ParserCall& call, const std::string& file);

    // Keeps POLICIES, by file: what CALL has made of files for which policy() knew nothing, unless something that it depends on was touched
    // since.
    void keep(const ParserCall& call, const std::map<std::string, std::string>& policies);

    // The same for the NAMES in FILE, for which names() knew nothing.
    void keep_names(const ParserCall& call, const std::string& file, const std::vector<std::string>& names);

    // Removes what is beyond the limits, and what somebody who was killed has left.
    void prune();

    // Why something could not be kept; empty: nothing was in the way.
    [[nodiscard]] const std::string& problem() const { return problem_; }

private:
    PolicyCache(std::string path, Fd directory, Use use, ParserPlaces places, CacheLimits limits)
        : path_(std::move(path)), directory_(std::move(directory)), use_(use), places_(places), limits_(limits), keys_(std::move(places)) {}

    [[nodiscard]] std::optional<std::string> read(const std::string& name) const;
    void write(const std::string& name, std::string_view content);

    std::string path_;
    Fd directory_;
    Use use_;
    ParserPlaces places_;
    CacheLimits limits_;
    PolicyKeys keys_;
    std::set<std::string, std::less<>> whole_;  // entries that were read and found in order
    bool grew_ = false;
    std::string problem_;
};

// That of this host, for reading; nullptr: there is none that can be used.
std::shared_ptr<PolicyCache> host_policy_cache();

}  // namespace aa::apparmor
