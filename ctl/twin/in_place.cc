// SPDX-License-Identifier: Apache-2.0
#include "ctl/twin/in_place.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "apparmor/policy/loaded_policy.h"
#include "apparmor/policy/reader.h"
#include "base/file.h"
#include "base/hold.h"
#include "base/sha256.h"
#include "base/text.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {
namespace {

using apparmor::Kernel;

constexpr std::size_t kMaxRecord = 16384;
constexpr std::size_t kMaxPolicy = std::size_t{64} << 20U;
constexpr std::size_t kHashLength = 64;

// No confinement's own file is called so.
std::string policy_file(std::string_view confinement) { return concat({".", confinement}); }

bool is_as(const Kernel& kernel, const std::string& profile, std::string_view hash) {
    const auto bytes = binary_policy(kernel, profile);
    return bytes && sha256(*bytes) == hash;
}

Result<Fd> open_place(const std::string& directory) {
    Fd place = TRY(open_file(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(require_trusted(place.get(), directory));
    return place;
}

Result<void> write_policy(int place, std::string_view confinement, const std::string& bytes) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    return replace_file(place, policy_file(confinement), {&piece, 1}, ::geteuid(), ::getegid(), 0600);
}

Result<InPlaceRecord> read_record(int place, const std::string& name) {
    const Fd fd = TRY(open_file(place, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    TRY(require_trusted(fd.get(), name));
    const auto bytes = TRY(read_file(fd.get(), kMaxRecord, name));
    const auto text = bytes.text();
    if (text.size() < kHashLength + 3 || text[kHashLength] != ' ' || text.back() != '\n')
        return Error{ErrorKind::config, concat({quote(name), " is no record of a learning in place: remove it"})};
    InPlaceRecord record{name, std::string(text.substr(kHashLength + 1)), std::string(text.substr(0, kHashLength)), false,
                         is_held_alone(fd.get())};
    record.profile.pop_back();
    return record;
}

// Text that needs no quotes in a profile's source, and is no pattern.
bool is_plain(std::string_view name) {
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-'; });
}

// What of PROFILE is in the way of its complaining for a while.
Result<void> require_own_rules(const Kernel& kernel, const std::string& profile, const std::string& before) {
    apparmor::LoadedPolicy loaded(kernel);
    const auto* now = TRY(loaded.find(profile));
    const auto refused = [&](std::string_view why) { return Error{ErrorKind::config, concat({"profile ", quote(profile), " ", why})}; };
    if (now == nullptr) return refused("is not loaded: run 'aa-shimctl load'");
    if (!is_plain(profile)) return refused("cannot be learned from in place: learn from containers as they start, without --in-place");
    if (now->mode != apparmor::Mode::enforce && now->mode != apparmor::Mode::kill)
        return refused(concat({"is in ", mode_name(now->mode), " mode, and forbids nothing as it is: run 'aa-shimctl load'"}));
    if (now->attachment)
        return refused(
            "attaches to programs of the host, which would run unconfined meanwhile: learn from containers as they start, without "
            "--in-place");
    for (const auto& other : TRY(apparmor::read_policy(before, profile))) {
        if (!other.parent().empty() || TRY(loaded.binary(other.name)) == before) continue;
        return refused(concat({"was loaded together with ", quote(other.name), ", which was loaded anew since: run 'aa-shimctl load'"}));
    }
    return {};
}

}  // namespace

Result<std::vector<InPlaceRecord>> find_in_place(const Kernel& kernel, const std::string& directory) {
    std::vector<InPlaceRecord> records;
    auto place = open_place(directory);
    if (!place && place.error().kind == ErrorKind::not_found) return records;
    if (!place) return place.error();
    for (const auto& name : TRY(directory_names(TRY(open_file(place->get(), ".", O_RDONLY | O_DIRECTORY)), directory))) {
        if (name.front() == '.') continue;
        auto record = TRY(read_record(place->get(), name).context(directory));
        record.complains = is_as(kernel, record.profile, record.hash);
        records.push_back(std::move(record));
    }
    return records;
}

Result<std::string> put_back(const Kernel& kernel, const std::string& confinement, const std::string& directory) {
    const Fd place = TRY(open_place(directory));
    const auto record = TRY(read_record(place.get(), confinement).context(directory));
    const bool complains = is_as(kernel, record.profile, record.hash);
    if (complains) {
        const auto before = TRY(read_file_at(place.get(), policy_file(confinement), kMaxPolicy).context(directory));
        TRY(kernel.replace_policy(before.text()).context(concat({"profile ", quote(record.profile), " still complains"})));
    }
    for (const auto& name : {confinement, policy_file(confinement)}) (void)::unlinkat(place.get(), name.c_str(), 0);
    (void)::rmdir(directory.c_str());
    return concat(
        {"profile ", quote(record.profile), complains ? " is again what it was before" : " was loaded since, and stays as that left it"});
}

Result<InPlace> InPlace::begin(const Kernel& kernel, const std::string& confinement, const std::string& profile) {
    const auto before = TRY(binary_policy(kernel, profile));
    TRY(require_own_rules(kernel, profile, before));
    auto twin = TRY(compile_text(complaining_twin(profile)));
    TRY(make_directory(kInPlaceDirectory, 0755));
    const Fd place = TRY(open_place(kInPlaceDirectory));
    TRY(write_policy(place.get(), confinement, before));
    Fd held = TRY(make_held_file(place.get(), confinement, concat({"..", confinement}), concat({sha256(twin), " ", profile, "\n"})));
    InPlace in_place(profile, std::move(twin), std::move(held));
    if (auto done = kernel.replace_policy(in_place.twin_); !done) {
        (void)put_back(kernel, confinement);
        return std::move(done).error();
    }
    return in_place;
}

Result<void> InPlace::load_again(const Kernel& kernel) const {
    if (complains(kernel)) return kernel.replace_policy(twin_);
    return Error{ErrorKind::config,
                 concat({"profile ", quote(profile_), " was loaded by somebody else meanwhile: learn from it once more"})};
}

bool InPlace::complains(const Kernel& kernel) const {
    const auto now = binary_policy(kernel, profile_);
    return now && *now == twin_;
}

}  // namespace aa::ctl
