// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/loaded_policy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "apparmor/policy/reader.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kProfiles = "policy/profiles";

Result<std::vector<std::string>> names_in(const std::string& path) {
    return directory_names(TRY(open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)), path);
}

// The part of a raw_data link that tells one load from another: "3" of "../../raw_data/3/raw_data".
std::string load_id(std::string_view link) {
    constexpr std::string_view kBefore = "raw_data/";
    const std::size_t at = link.find(kBefore);
    if (at == link.npos) return std::string(link);
    link.remove_prefix(at + kBefore.size());
    return std::string(link.substr(0, link.find('/')));
}

// The mode that counts for a profile in MODE (security/apparmor/include/policy.h, COMPLAIN_MODE and KILL_MODE).
Mode effective_mode(Mode mode, Mode module) {
    if (mode == Mode::unconfined || module == Mode::enforce) return mode;
    return module == Mode::complain || mode != Mode::complain ? module : mode;
}

}  // namespace

KernelBehaviour LoadedPolicy::behaviour() const { return KernelBehaviour::of_running_kernel(); }

LoadedPolicy::Entry* LoadedPolicy::entry(std::string_view name) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.name == name; });
    return found == entries_.end() ? nullptr : &*found;
}

Result<void> LoadedPolicy::read_lists() {
    if (lists_read_) return {};
    const Mode module = TRY(kernel_.module_mode());
    const std::string text = TRY(kernel_.loaded_profiles());
    for (const auto line : lines(text)) {
        auto loaded = parse_task_label(line);
        // Those of other namespaces are no part of ours.
        if (loaded.label.starts_with(':')) continue;
        entries_.push_back({std::move(loaded.label), effective_mode(loaded.mode, module), {}, nullptr});
    }
    TRY(read_directories(std::string(kProfiles), {}));
    lists_read_ = true;
    return {};
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as profiles are nested
Result<void> LoadedPolicy::read_directories(const std::string& directory, std::string_view parent) {
    const auto names = names_in(kernel_.path(directory));
    // A profile without children may have no directory for them.
    if (!names && !parent.empty() && names.error().kind == ErrorKind::not_found) return {};
    if (!names) return names.error();
    for (const auto& name : *names) {
        const std::string path = concat({directory, "/", name});
        const std::string local = TRY(kernel_.read(concat({path, "/name"})));
        // A child's own file says either the last part of its name or all of it.
        const bool whole = parent.empty() || local.starts_with(concat({parent, "//"}));
        const std::string full = whole ? local : concat({parent, "//", local});
        if (Entry* const known = entry(full)) known->directory = path;
        TRY(read_directories(concat({path, "/profiles"}), full));
    }
    return {};
}

Result<std::vector<Profile>*> LoadedPolicy::load_of(const Entry& entry) {
    const std::string file = concat({entry.directory, "/raw_data"});
    std::array<char, PATH_MAX> link{};
    const ssize_t n = ::readlink(kernel_.path(file).c_str(), link.data(), link.size());
    if (n < 0) {
        const auto error = errno_error("read", kernel_.path(file), errno);
        return Error{ErrorKind::config, concat({error.message,
                                                ": without the policy as it was loaded (CONFIG_SECURITY_APPARMOR_EXPORT_BINARY) "
                                                "no transition can be evaluated; say \"otherwise\": \"base\""})};
    }
    const std::string id = load_id({link.data(), static_cast<std::size_t>(n)});
    for (const auto& known : loads_) {
        if (known->id == id) return &known->profiles;
    }
    const std::string bytes = TRY(kernel_.read_binary(file));
    auto load = std::make_unique<Load>();
    load->id = id;
    load->profiles = TRY(read_policy(bytes, kernel_.path(file)));
    loads_.push_back(std::move(load));
    return &loads_.back()->profiles;
}

Result<const Profile*> LoadedPolicy::profile(Entry& entry) {
    if (entry.profile != nullptr) return entry.profile;
    if (entry.directory.empty()) {
        return Error{ErrorKind::config, concat({"the kernel lists profile ", quote(entry.name),
                                                " but has no files about it: it is being "
                                                "changed right now; try again"})};
    }
    for (auto& loaded : *TRY(load_of(entry))) {
        if (loaded.name != entry.name) continue;
        // What the kernel says counts: modes can be forced when policy is loaded.
        loaded.mode = entry.mode;
        return entry.profile = &loaded;
    }
    return Error{ErrorKind::config, concat({"the policy that the kernel gives for profile ", quote(entry.name), " does not hold it"})};
}

Result<const Profile*> LoadedPolicy::find(std::string_view name) {
    TRY(read_lists());
    Entry* const known = entry(name);
    if (known == nullptr) return static_cast<const Profile*>(nullptr);
    return profile(*known);
}

Result<std::vector<const Profile*>> LoadedPolicy::list(std::string_view parent, std::string_view /*path*/) {
    TRY(read_lists());
    std::vector<const Profile*> result;
    for (auto& each : entries_) {
        if (parent_of(each.name) == parent) result.push_back(TRY(profile(each)));
    }
    return result;
}

Result<std::vector<const Profile*>> LoadedPolicy::all() {
    TRY(read_lists());
    std::vector<const Profile*> result;
    for (auto& each : entries_) result.push_back(TRY(profile(each)));
    return result;
}

Result<std::string> LoadedPolicy::directory(std::string_view name) {
    TRY(read_lists());
    const Entry* const known = entry(name);
    if (known == nullptr || known->directory.empty()) {
        return Error{ErrorKind::not_found, concat({"the kernel has no files about profile ", quote(name)})};
    }
    return known->directory;
}

Result<std::vector<LoadedPolicy::Held>> LoadedPolicy::held() {
    TRY(read_lists());
    std::vector<Held> result;
    result.reserve(entries_.size());
    for (const auto& each : entries_) result.push_back({each.name, each.mode, each.directory});
    return result;
}

Result<std::string> LoadedPolicy::binary(std::string_view name) { return kernel_.read_binary(TRY(directory(name)) + "/raw_data"); }

Result<std::string> binary_policy(const Kernel& kernel, std::string_view profile) { return LoadedPolicy(kernel).binary(profile); }

}  // namespace aa::apparmor
