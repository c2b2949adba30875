// SPDX-License-Identifier: Apache-2.0
#include "shim/record.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "apparmor/catalog/catalog.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "shim/judged_mounts.h"
#include "shim/learning.h"

namespace aa::shim {
namespace {

constexpr std::string_view kId = "aa-shim/decision";
constexpr std::string_view kApplied = "aa-shim/applied";  // the confinement; empty: passed
constexpr std::string_view kProfile = "aa-shim/profile";  // empty: AppArmor was off
constexpr std::string_view kStart = "aa-shim/start";      // the first program's label; absent: the profile
constexpr std::string_view kCapabilities = "aa-shim/capabilities";
constexpr std::string_view kNoNewPrivileges = "aa-shim/no-new-privileges";
constexpr std::string_view kDeniedSyscalls = "aa-shim/denied-syscalls";  // absent: none
constexpr std::string_view kMounts = "aa-shim/mounts";                   // absent: none
constexpr std::string_view kNamespaces = "aa-shim/namespaces";           // shared with the host; absent: it joins none
constexpr std::string_view kStartHooks = "aa-shim/start-hooks";          // absent: none
constexpr std::string_view kLearning = "aa-shim/learning";               // absent: it is not learned from
constexpr std::string_view kRule = "aa-shim/rule";
// Who it is, for the log: each only where the engine said it.
struct SubjectKey {
    std::string_view key;
    std::string Subject::*member;
};
constexpr std::array<SubjectKey, 5> kSubject{{
    {"aa-shim/engine", &Subject::engine},
    {"aa-shim/namespace", &Subject::kubernetes_namespace},
    {"aa-shim/pod", &Subject::pod},
    {"aa-shim/name", &Subject::name},
    {"aa-shim/image", &Subject::image},
}};
constexpr std::string_view kDigest = "aa-shim/digest";
constexpr std::string_view kUnlimited = "unlimited";

bool is_hexadecimal(std::string_view text, std::size_t digits) {
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.size() == digits && std::all_of(text.begin(), text.end(), is_digit);
}

// Whether VALUE may stand for KEY in a bundle that is used again, whatever it was.
bool is_given_anew(std::string_view key, std::string_view value) {
    return (key == kId && is_hexadecimal(value, 16)) || (key == kDigest && is_hexadecimal(value, 32));
}

bool is_reserved(std::string_view key) { return key.starts_with(apparmor::kReservedPrefix) && key != apparmor::kRequestAnnotation; }

using Entries = std::vector<std::pair<std::string_view, std::string_view>>;

// What is hashed: pieces one after the other, each with its length before it, so that no two lists of pieces make the same text. This is
// done for every exec: in one piece of memory, and without asking for more of it.
class Hashed {
public:
    explicit Hashed(std::size_t size) : text_(size, '\0') {}

    static std::size_t size_of(std::string_view piece) { return sizeof(std::uint32_t) + piece.size(); }

    void add(std::string_view piece) {
        const auto length = static_cast<std::uint32_t>(piece.size());
        std::memcpy(text_.data() + filled_, &length, sizeof length);
        std::memcpy(text_.data() + filled_ + sizeof length, piece.data(), piece.size());
        filled_ += size_of(piece);
    }

    [[nodiscard]] std::string_view text() const { return text_; }

private:
    std::string text_;
    std::size_t filled_ = 0;
};

// The digest of ENTRIES, which are in order, of the container ID in BUNDLE.
std::string digest_of(const Entries& entries, std::string_view id, std::string_view bundle, const SipKey& key) {
    constexpr std::string_view kPurpose = "aa-shim record";  // nothing else that is hashed with this key begins so
    std::size_t size = Hashed::size_of(kPurpose) + Hashed::size_of(id) + Hashed::size_of(bundle);
    for (const auto& [name, value] : entries) size += Hashed::size_of(name) + Hashed::size_of(value);
    Hashed hashed(size);
    hashed.add(kPurpose);
    hashed.add(id);
    hashed.add(bundle);
    for (const auto& [name, value] : entries) {
        hashed.add(name);
        hashed.add(value);
    }
    const auto [first, second] = siphash128(key, hashed.text());
    return hex64(first) + hex64(second);
}

// Takes as long wherever they differ.
bool same_digest(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    int difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
    return difference == 0;
}

// Where the directory PATH really lies; empty if that cannot be told.
std::string resolved(const std::string& path) {
    const auto directory = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY);
    const auto real = directory ? path_of_descriptor(directory->get()) : Result<std::string>(directory.error());
    return real ? *real : std::string();
}

// The entries of the record in STATE without its digest, if that is the right one; none otherwise.
Entries authentic_entries(const oci::ContainerState& state, const oci::EngineCall& call, const SipKey& key) {
    constexpr std::size_t kMost = 20;  // of a record
    Entries entries;
    entries.reserve(kMost);
    std::string_view digest;
    for (const auto& [name, value] : state.annotations) {
        if (!is_reserved(name)) continue;
        if (name == kDigest) {
            digest = value;
        } else {
            entries.emplace_back(name, value);
        }
    }
    if (digest.empty()) return {};
    std::sort(entries.begin(), entries.end());  // runc keeps them in no order
    if (same_digest(digest, digest_of(entries, call.id, state.bundle, key))) return entries;
    // A runtime may know the bundle by a path with a link in it.
    if (same_digest(digest, digest_of(entries, call.id, resolved(state.bundle), key))) return entries;
    return {};
}

// The words of TEXT, which commas part.
std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(','));
        words.emplace_back(word);
        text.remove_prefix(std::min(word.size() + 1, text.size()));
    }
    return words;
}

std::string_view find(const Entries& entries, std::string_view key) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == key; });
    return found != entries.end() ? found->second : std::string_view();
}

bool read_namespaces(std::string_view text, std::optional<std::uint32_t>& namespaces) {
    if (text.empty()) return true;
    unsigned long long set = 0;
    if (!parse_decimal(text, set) || set >> apparmor::kHostNamespaces != 0) return false;
    namespaces = static_cast<std::uint32_t>(set);
    return true;
}

Error unreadable(std::string_view key, std::string_view value) {
    return {ErrorKind::config, concat({"the record of the decision has ", quote(value), " as '", key,
                                       "': the container was changed by "
                                       "somebody else; create it anew"})};
}

}  // namespace

Annotations to_annotations(const Decision& decision) {
    Annotations out{{std::string(kId), decision.id}, {std::string(kApplied), decision.confinement}, {std::string(kRule), decision.rule}};
    for (const auto& [key, member] : kSubject) {
        if (const auto& value = decision.subject.*member; !value.empty()) out.emplace_back(key, value);
    }
    if (decision.pass) return out;
    const auto& bounds = decision.bounds;
    out.emplace_back(kProfile, bounds.profile.value_or(""));
    if (decision.start_label) out.emplace_back(kStart, *decision.start_label);
    if (is_twin(decision.learning)) out.emplace_back(kLearning, decision.learning);
    out.emplace_back(kCapabilities, bounds.ceiling ? bounds.ceiling->names() : std::string(kUnlimited));
    out.emplace_back(kNoNewPrivileges, bounds.no_new_privileges ? "true" : "false");
    if (!decision.mounts.empty()) out.emplace_back(kMounts, to_text(decision.mounts));
    if (decision.namespaces) out.emplace_back(kNamespaces, decimal(*decision.namespaces));
    if (decision.start_hooks) out.emplace_back(kStartHooks, "true");
    if (!bounds.deny_syscalls.empty()) out.emplace_back(kDeniedSyscalls, join(bounds.deny_syscalls, ","));
    return out;
}

Annotations make_record(const Decision& decision, const oci::EngineCall& call, const SipKey& key) {
    auto record = to_annotations(decision);
    Entries entries(record.begin(), record.end());
    std::sort(entries.begin(), entries.end());
    record.emplace_back(kDigest, digest_of(entries, call.id, call.bundle, key));
    return record;
}

bool claims_record(const oci::ContainerState& state) {
    return std::any_of(state.annotations.begin(), state.annotations.end(), [](const auto& entry) { return is_reserved(entry.first); });
}

Result<std::optional<Decision>> read_record(const oci::ContainerState& state, const oci::EngineCall& call, const SipKey& key) {
    const auto entries = authentic_entries(state, call, key);
    const auto annotation = [&](std::string_view name) { return find(entries, name); };
    Decision decision;
    decision.id = annotation(kId);
    if (decision.id.empty()) return std::optional<Decision>();
    decision.confinement = annotation(kApplied);
    decision.rule = annotation(kRule);
    for (const auto& [name, member] : kSubject) decision.subject.*member = annotation(name);
    decision.pass = decision.confinement.empty();
    if (decision.pass) return std::optional(std::move(decision));

    if (const auto profile = annotation(kProfile); !profile.empty()) decision.bounds.profile = profile;
    if (const auto start = annotation(kStart); !start.empty()) decision.start_label = start;
    decision.learning = annotation(kLearning);
    const auto capabilities = annotation(kCapabilities);
    if (capabilities != kUnlimited) {
        decision.bounds.ceiling = CapabilitySet::from_names(capabilities);
        if (!decision.bounds.ceiling) return unreadable(kCapabilities, capabilities);
    }
    const auto no_new_privileges = annotation(kNoNewPrivileges);
    if (no_new_privileges != "true" && no_new_privileges != "false") return unreadable(kNoNewPrivileges, no_new_privileges);
    decision.bounds.no_new_privileges = no_new_privileges == "true";
    decision.start_hooks = !annotation(kStartHooks).empty();
    decision.bounds.deny_syscalls = split(annotation(kDeniedSyscalls));
    if (!read_judged_mounts(annotation(kMounts), decision.mounts)) return unreadable(kMounts, annotation(kMounts));
    if (!read_namespaces(annotation(kNamespaces), decision.namespaces)) return unreadable(kNamespaces, annotation(kNamespaces));
    return std::optional(std::move(decision));
}

Result<void> check_reserved_annotations(const oci::Config& config, const Decision& decision) {
    if (const auto learned = config.annotation(kLearning); learned && *learned != decision.learning) {
        return Error{ErrorKind::denied,
                     concat({"the bundle is that of a container that was learned from ('", kLearning,
                             "'), with a profile that forbids next to nothing and without a ceiling: have the engine make "
                             "a new one"})};
    }
    const auto record = to_annotations(decision);
    for (const auto& annotation : config.annotations) {
        if (!is_reserved(annotation.key) || is_given_anew(annotation.key, annotation.value)) continue;
        const auto ours = std::find_if(record.begin(), record.end(), [&](const auto& entry) { return entry.first == annotation.key; });
        // What lies at a path may be another file or namespace each time.
        const bool is_ours =
            ours != record.end() && (ours->second == annotation.value || ours->first == kMounts || ours->first == kNamespaces);
        if (is_ours && ours->first != kId) continue;
        return Error{ErrorKind::denied, concat({"the container brings the annotation ", quote(annotation.key),
                                                ", which is reserved for aa-shim's "
                                                "own record: remove it (to ask for a confinement, use '",
                                                apparmor::kRequestAnnotation, "')"})};
    }
    return {};
}

std::optional<std::string> asked_profile(const oci::Config& config) {
    const auto start = config.annotation(kStart);
    const auto profile = config.annotation(kProfile);
    if (start && profile && config.process.apparmor_profile == *start) return std::string(*profile);
    return config.process.apparmor_profile;
}

}  // namespace aa::shim
