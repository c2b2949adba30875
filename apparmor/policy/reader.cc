// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "apparmor/policy/cursor.h"
#include "apparmor/policy/database.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::uint32_t kAbiMask = 0x3FF;  // of a version; the rest says who compiled it, and for whom
constexpr std::uint32_t kOldestAbi = 5;
constexpr std::uint32_t kNewestAbi = 9;
constexpr std::uint32_t kForceComplain = 1U << 11U;
constexpr std::uint32_t kMediateDeleted = 0x20000;

// One record: a version and a profile. A later record may leave the version out.
class RecordReader {
public:
    explicit RecordReader(PolicyCursor& cursor) : cursor_(cursor) {}

    Result<Profile> read() {
        cursor_.set_profile({});
        TRY(read_version());
        profile_ = {};
        TRY(read_name());
        TRY(read_attachment());
        TRY(skip_disconnected());
        TRY(read_flags());
        TRY(read_capabilities());
        TRY(read_attribute_names());
        TRY(skip_limits());
        TRY(read_rules());
        TRY(skip_data());
        if (!cursor_.structure_end()) return cursor_.missing("the end of the profile");
        return std::move(profile_);
    }

private:
    Result<void> read_version() {
        if (const auto version = cursor_.u32("version")) {
            version_ = *version;
        } else if (!version_) {
            return cursor_.missing("a version");
        }
        const std::uint32_t abi = *version_ & kAbiMask;
        if (abi < kOldestAbi || abi > kNewestAbi) {
            return cursor_.error(concat({"version ", decimal(abi), " of the policy format is not known"}));
        }
        if (const auto in_namespace = cursor_.string("namespace")) {
            return cursor_.error(concat({"it belongs to the policy namespace ", quote(*in_namespace)}));
        }
        return {};
    }

    Result<void> read_name() {
        if (!cursor_.structure("profile")) return cursor_.missing("a profile");
        const auto name = cursor_.string();
        if (!name || name->empty()) return cursor_.missing("the name of a profile");
        if (name->find('\0') != std::string_view::npos) return cursor_.error("the name of a profile has a NUL in it");
        profile_.name = *name;
        cursor_.set_profile(*name);
        if (name->starts_with(':')) return cursor_.error("it belongs to a policy namespace");
        if (name->find("//&") != std::string_view::npos) return cursor_.error("its name reads as a stack");
        cursor_.string("rename");
        cursor_.string("attach");
        return {};
    }

    Result<void> read_attachment() {
        auto database = TRY(read_database(cursor_));
        if (database.empty()) return {};
        if (database.start != kStartState || database.files_start != kStartState)
            return cursor_.error("its attachment has a start state of its own");
        Attachment attachment;
        attachment.automaton = TRY(make_automaton(database, InlineForm::attachment, cursor_));
        const auto length = cursor_.u32();
        if (!length) return cursor_.missing("the length of the attachment");
        attachment.length = *length;
        profile_.attachment = std::move(attachment);
        return {};
    }

    Result<void> skip_disconnected() {
        cursor_.string("disconnected");
        cursor_.string("disconnected_ipc");
        cursor_.u32("kill");
        cursor_.u32("error");
        return {};
    }

    Result<void> read_flags() {
        if (!cursor_.structure("flags")) return cursor_.missing("the flags");
        const auto flags = cursor_.u32();
        const auto mode = flags ? cursor_.u32() : std::nullopt;
        const auto audit = mode ? cursor_.u32() : std::nullopt;
        if (!audit) return cursor_.missing("a number of the flags");
        if (!cursor_.structure_end()) return cursor_.missing("the end of the flags");
        constexpr std::uint32_t kHat = 1;
        constexpr std::uint32_t kDebug = 6;
        if ((*flags & ~(kHat | kDebug)) != 0) return cursor_.error("it has flags that are not known");
        profile_.hat = (*flags & kHat) != 0;
        static constexpr std::array kModes = {Mode::enforce, Mode::complain, Mode::kill, Mode::unconfined, Mode::prompt};
        if (*mode >= kModes.size()) return cursor_.error(concat({"its mode ", decimal(*mode), " is not known"}));
        profile_.mode = (*version_ & kForceComplain) != 0 ? Mode::complain : kModes[*mode];
        profile_.path_flags = cursor_.u32("path_flags").value_or(kMediateDeleted);
        return {};
    }

    // Four words: what is allowed, audited, known to be denied, and one that is not used.
    Result<std::uint64_t> read_capability_words() {
        const auto allowed = cursor_.u32();
        if (!allowed) return cursor_.missing("the capabilities");
        for (int i = 0; i < 3; ++i) {
            if (!cursor_.u32()) return cursor_.missing("the capabilities");
        }
        return std::uint64_t{*allowed};
    }

    Result<void> read_capabilities() {
        std::uint64_t allowed = TRY(read_capability_words());
        if (cursor_.structure("caps64")) {
            allowed |= TRY(read_capability_words()) << 32U;
            if (!cursor_.structure_end()) return cursor_.missing("the end of the capabilities");
        }
        if (cursor_.structure("capsx") && !(cursor_.u32() && cursor_.u32() && cursor_.structure_end())) {
            return cursor_.missing("the extended capabilities");
        }
        profile_.capabilities = CapabilitySet(allowed);
        return {};
    }

    Result<void> read_attribute_names() {
        if (const auto count = cursor_.array("identity")) {
            for (unsigned i = 0; i < *count; ++i) {
                if (!cursor_.string()) return cursor_.missing("an identity");
            }
            if (!cursor_.array_end()) return cursor_.missing("the end of the identities");
        }
        if (!cursor_.structure("xattrs")) return {};
        std::vector<std::string> names;
        const auto count = cursor_.array();
        if (!count) return cursor_.missing("the names of extended attributes");
        for (unsigned i = 0; i < *count; ++i) {
            const auto name = cursor_.string();
            if (!name) return cursor_.missing("the name of an extended attribute");
            names.emplace_back(*name);
        }
        if (!cursor_.array_end() || !cursor_.structure_end()) return cursor_.missing("the end of the names of extended attributes");
        if (profile_.attachment) profile_.attachment->attributes = std::move(names);
        return {};
    }

    Result<void> skip_limits() {
        if (cursor_.structure("rlimits")) {
            if (!cursor_.u32()) return cursor_.missing("the resource limits");
            TRY(skip_array("the resource limits", {}, [this] { return cursor_.u64().has_value(); }));
            if (!cursor_.structure_end()) return cursor_.missing("the end of the resource limits");
        }
        if (cursor_.structure("secmark")) {
            TRY(skip_array("the packet labels", {}, [this] { return cursor_.u8() && cursor_.u8() && cursor_.string(); }));
            if (!cursor_.structure_end()) return cursor_.missing("the end of the packet labels");
        }
        return skip_array("the network families", "net_allowed_af", [this] { return cursor_.u16() && cursor_.u16() && cursor_.u16(); });
    }

    // An array called NAME, each of whose elements SKIP skips. One that has a name may be missing.
    template <class Skip>
    Result<void> skip_array(std::string_view what, std::string_view name, Skip skip) {
        const auto count = cursor_.array(name);
        if (!count) return name.empty() ? Result<void>(cursor_.missing(what)) : Result<void>();
        for (unsigned i = 0; i < *count; ++i) {
            if (!skip()) return cursor_.missing(what);
        }
        if (!cursor_.array_end()) return cursor_.missing(concat({"the end of ", what}));
        return {};
    }

    Result<void> read_rules() {
        std::optional<PolicyDatabase> general;
        if (cursor_.structure("policydb")) {
            general = TRY(read_database(cursor_));
            if (general->empty()) return cursor_.missing("the automaton of the policydb");
            if (!cursor_.structure_end()) return cursor_.missing("the end of the policydb");
        }
        auto files = TRY(read_database(cursor_));
        if (!files.empty()) {
            profile_.files = TRY(make_automaton(files, InlineForm::files, cursor_));
            profile_.files_start = files.files_start;
            profile_.targets = std::move(files.targets);
        }
        return general ? read_general(*general) : Result<void>();
    }

    // The policydb; and of it by themselves the capabilities of kernels that look for them there, and the file rules if they are nowhere
    // else.
    Result<void> read_general(PolicyDatabase& general) {
        const bool has_table = general.has_table;
        const std::size_t position = general.position;
        Automaton automaton = TRY(make_automaton(general, InlineForm::general, cursor_));
        const StateId files = automaton.step(general.start, mediation::kFile);
        const StateId capabilities = automaton.step(general.start, mediation::kCapability);
        // A compiler without file rules to write still says that there could be some; their state leads nowhere.
        const bool file_rules = profile_.files.empty() && leads_on(automaton, files);
        if (!has_table && (file_rules || capabilities != kDeadState)) {
            return cursor_.error_at(position, "its policydb has file or capability rules, but no permission table");
        }
        if (file_rules) {
            profile_.files = automaton;
            profile_.files_start = files;
            profile_.targets = std::move(general.targets);
        }
        if (capabilities != kDeadState) {
            profile_.capability_rules = automaton;
            profile_.capability_start = capabilities;
        }
        profile_.rules = std::move(automaton);
        profile_.rules_start = general.start;
        return {};
    }

    static bool leads_on(const Automaton& automaton, StateId state) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            if (automaton.step(state, static_cast<std::uint8_t>(byte)) != kDeadState) return true;
        }
        return false;
    }

    Result<void> skip_data() {
        if (!cursor_.structure("data")) return {};
        while (cursor_.string()) {
            if (!cursor_.blob()) return cursor_.missing("data");
        }
        if (!cursor_.structure_end()) return cursor_.missing("the end of the data");
        return {};
    }

    PolicyCursor& cursor_;
    std::optional<std::uint32_t> version_;
    Profile profile_;
};

// The kernel refuses a file that has a profile twice.
Result<void> check_unique(const std::vector<Profile>& profiles, const PolicyCursor& cursor) {
    std::vector<std::string_view> names;
    names.reserve(profiles.size());
    for (const Profile& profile : profiles) names.push_back(profile.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) return cursor.error(concat({"it has profile ", quote(*twice), " twice"}));
    return {};
}

}  // namespace

Result<std::vector<Profile>> read_policy(std::string_view bytes, std::string_view name) {
    PolicyCursor cursor(bytes, name);
    RecordReader reader(cursor);
    std::vector<Profile> profiles;
    do {
        profiles.push_back(TRY(reader.read()));
    } while (!cursor.at_end());
    cursor.set_profile({});
    TRY(check_unique(profiles, cursor));
    return profiles;
}

}  // namespace aa::apparmor
