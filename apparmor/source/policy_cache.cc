// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/policy_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "apparmor/policy/reader.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMaxEntry = std::size_t{64} << 20U;
constexpr std::size_t kDigest = 64;

// What an entry begins with: its name and its content are one claim.
std::string seal(std::string_view name, std::string_view content) { return sha256(concat({name, "\n", content})) + "\n"; }

std::string policy_name(const PolicyKey& key) { return key.digest + ".policy"; }
std::string names_name(const PolicyKey& key) { return key.digest + ".names"; }

// Names do not depend on what is compiled for.
ParserCall for_names(ParserCall call) {
    call.features.clear();
    return call;
}

}  // namespace

Result<std::shared_ptr<PolicyCache>> PolicyCache::open(const std::string& directory, Use use, ParserPlaces places, CacheLimits limits) {
    if (use == Use::write) {
        TRY(make_directory(directory.substr(0, directory.rfind('/')), 0755));
        TRY(make_directory(directory, 0700));
    }
    Fd fd = TRY(open_file(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(require_trusted(fd.get(), directory));
    if (use == Use::write && ::faccessat(fd.get(), ".", W_OK, AT_EACCESS) != 0) return errno_error("write to", directory, errno);
    return std::shared_ptr<PolicyCache>(new PolicyCache(directory, std::move(fd), use, std::move(places), limits));
}

std::shared_ptr<PolicyCache> host_policy_cache() {
    const auto cache = PolicyCache::open(kPolicyCacheDirectory, PolicyCache::Use::read);
    return cache ? *cache : nullptr;
}

std::optional<std::string> PolicyCache::read(const std::string& name) const {
    const auto fd = open_file(directory_.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!fd || !require_trusted(fd->get(), name)) return std::nullopt;
    const auto bytes = read_file(fd->get(), kMaxEntry, name);
    if (!bytes || bytes->text().size() <= kDigest) return std::nullopt;
    const auto content = bytes->text().substr(kDigest + 1);
    if (bytes->text().substr(0, kDigest + 1) != seal(name, content)) return std::nullopt;
    // When it was used last. That this cannot be told makes it go earlier.
    if (use_ == Use::write) (void)::futimens(fd->get(), nullptr);
    return std::string(content);
}

void PolicyCache::write(const std::string& name, std::string_view content) {
    if (!problem_.empty()) return;
    const auto head = seal(name, content);
    const std::array<iovec, 2> pieces{iovec{const_cast<char*>(head.data()), head.size()},
                                      iovec{const_cast<char*>(content.data()), content.size()}};
    const auto written = replace_file(directory_.get(), name, pieces, ::geteuid(), ::getegid(), 0600);
    grew_ = true;
    if (!written) problem_ = written.error().message;
}

std::optional<std::string> PolicyCache::policy(const ParserCall& call, const std::string& file) {
    const auto key = keys_.of(call, file);
    return key ? read(policy_name(*key)) : std::nullopt;
}

bool PolicyCache::knows(const ParserCall& call, const std::string& file) {
    const auto key = keys_.of(call, file);
    if (!key) return false;
    const auto name = policy_name(*key);
    if (whole_.contains(name)) return true;
    if (!read(name)) return false;
    whole_.insert(name);
    return true;
}

std::optional<std::vector<std::string>> PolicyCache::names(const ParserCall& call, const std::string& file) {
    const auto key = keys_.of(for_names(call), file);
    const auto text = key ? read(names_name(*key)) : std::nullopt;
    if (!text) return std::nullopt;
    std::vector<std::string> names;
    for (const auto line : lines(*text)) names.emplace_back(line);
    return names;
}

void PolicyCache::keep(const ParserCall& call, const std::map<std::string, std::string>& policies) {
    if (use_ != Use::write) return;
    PolicyKeys now(places_);
    for (const auto& [file, bytes] : policies) {
        const auto key = keys_.of(call, file);
        if (!key || now.of(call, file) != key) continue;
        const auto profiles = read_policy(bytes, file);
        if (!profiles) continue;  // what our reader does not understand is the parser's, each time
        write(policy_name(*key), bytes);
        std::string names;
        for (const auto& profile : *profiles) names += profile.name + "\n";
        if (const auto same = keys_.of(for_names(call), file)) write(names_name(*same), names);
    }
}

void PolicyCache::keep_names(const ParserCall& call, const std::string& file, const std::vector<std::string>& names) {
    if (use_ != Use::write) return;
    const auto own = for_names(call);
    const auto key = keys_.of(own, file);
    if (!key || PolicyKeys(places_).of(own, file) != key) return;
    std::string text;
    for (const auto& name : names) text += name + "\n";
    write(names_name(*key), text);
}

void PolicyCache::prune() {
    if (!grew_) return;
    grew_ = false;
    auto list = open_file(directory_.get(), ".", O_RDONLY | O_DIRECTORY);
    const auto names = list ? directory_names(*std::move(list), path_) : Result<std::vector<std::string>>(list.error());
    if (!names) return;
    struct Entry {
        timespec used{};
        std::size_t size = 0;
        std::string name;
    };
    std::vector<Entry> entries;
    std::size_t bytes = 0;
    for (const auto& name : *names) {
        struct stat st {};
        if (::fstatat(directory_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (name.starts_with('.')) {
            (void)::unlinkat(directory_.get(), name.c_str(), 0);  // half written
            continue;
        }
        entries.push_back({st.st_mtim, static_cast<std::size_t>(st.st_size), name});
        bytes += entries.back().size;
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& one, const Entry& other) {
        return std::pair(one.used.tv_sec, one.used.tv_nsec) < std::pair(other.used.tv_sec, other.used.tv_nsec);
    });
    std::size_t left = entries.size();
    for (const auto& entry : entries) {
        if (left <= limits_.entries && bytes <= limits_.bytes) return;
        (void)::unlinkat(directory_.get(), entry.name.c_str(), 0);
        bytes -= entry.size;
        --left;
    }
}

}  // namespace aa::apparmor
