// SPDX-License-Identifier: Apache-2.0
#include "shim/learning.h"

#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "apparmor/catalog/pattern.h"
#include "apparmor/kernel/profile_name.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/hold.h"
#include "base/text.h"
#include "shim/exec_decision.h"

namespace aa::shim {
namespace {

constexpr std::size_t kMaxFile = 16384;
constexpr std::string_view kFirstLine = "aa-shim learning 1";
constexpr std::string_view kLastLine = "end";
constexpr std::string_view kNotCalled = "-";

// Since Linux 6.8; a runtime that does not know it passes over it.
constexpr std::string_view kChangesLabel = "lsm_set_self_attr";

struct TextLine {
    std::string_view key;
    std::string_view value;
};

std::optional<TextLine> split_line(std::string_view line) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space + 1 == line.size()) return std::nullopt;
    return TextLine{line.substr(0, space), line.substr(space + 1)};
}

// Where LEARNING keeps the text KEY; null if there is no such.
std::string* place_of(Learning& learning, std::string_view key) {
    if (key == "twin") return &learning.twin;
    if (key == "profile") return &learning.profile;
    if (key == "image") return &learning.filter.image;
    if (key == "name") return &learning.filter.name;
    if (key == "container") return &learning.filter.container;
    return nullptr;
}

bool take_line(Learning& learning, std::string_view line) {
    const auto parts = split_line(line);
    if (!parts) return false;
    if (parts->key == "deadline") {
        unsigned long long deadline = 0;
        if (learning.deadline != 0 || !parse_decimal(parts->value, deadline)) return false;
        learning.deadline = deadline;
        return true;
    }
    auto* place = place_of(learning, parts->key);
    if (place == nullptr || !place->empty()) return false;
    *place = parts->value;
    return true;
}

Error unusable(const std::string& path, std::string_view problem) {
    return {ErrorKind::config, concat({"it is not learned from: ", quote(path), " ", problem})};
}

struct Opened {
    Fd fd;
    std::string path;
    Learning learning;
};

Result<std::optional<Opened>> open_learning(const char* directory, std::string_view confinement) {
    const Fd folder(::open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!folder.valid() && errno == ENOENT) return std::optional<Opened>();
    if (!folder.valid()) return unusable(directory, concat({"cannot be opened: ", errno_text(errno)}));
    const auto name = learning_file(confinement);
    if (!name) return std::optional<Opened>();
    Opened opened{{}, concat({directory, "/", *name}), {}};
    opened.fd = Fd(::openat(folder.get(), name->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!opened.fd.valid() && errno == ENOENT) return std::optional<Opened>();
    if (!opened.fd.valid()) return unusable(opened.path, concat({"cannot be opened: ", errno_text(errno)}));
    TRY(require_operators(folder.get(), directory).context("it is not learned from"));
    TRY(require_operators(opened.fd.get(), opened.path).context("it is not learned from"));
    const auto text = read_file(opened.fd.get(), kMaxFile, opened.path);
    if (!text) return unusable(opened.path, concat({"cannot be read: ", text.error().message}));
    auto learning = read_learning(text->text());
    if (!learning) return unusable(opened.path, "is damaged: end 'aa-shimctl learn', and start it anew");
    opened.learning = *std::move(learning);
    return std::optional(std::move(opened));
}

bool holds(std::string_view pattern, std::string_view fact) {
    return pattern.empty() || (!fact.empty() && apparmor::matches(pattern, fact));
}

bool is_meant(const LearningFilter& filter, const apparmor::Facts& facts, std::string_view id) {
    return (holds(filter.image, facts.image) || holds(filter.image, facts.image_full)) && holds(filter.name, facts.name) &&
           id.starts_with(filter.container);
}

}  // namespace

std::optional<std::string> learning_file(std::string_view confinement) {
    constexpr std::size_t kLongest = 100;
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    };
    const bool good = !confinement.empty() && confinement.size() <= kLongest && confinement.front() != '.' &&
                      std::all_of(confinement.begin(), confinement.end(), is_plain);
    return good ? std::optional<std::string>(confinement) : std::nullopt;
}

std::string to_text(const Learning& learning) {
    const std::array<TextLine, 5> texts{{{"twin", learning.twin},
                                         {"profile", learning.profile},
                                         {"image", learning.filter.image},
                                         {"name", learning.filter.name},
                                         {"container", learning.filter.container}}};
    std::string out = concat({kFirstLine, "\ndeadline ", decimal(static_cast<long long>(learning.deadline)), "\n"});
    for (const auto& [key, value] : texts) {
        if (!value.empty()) out += concat({key, " ", value, "\n"});
    }
    return concat({out, kLastLine, "\n"});
}

std::optional<Learning> read_learning(std::string_view text) {
    const auto all = lines(text);
    if (all.size() < 2 || all.front() != kFirstLine || all.back() != kLastLine) return std::nullopt;
    Learning learning;
    for (std::size_t i = 1; i + 1 < all.size(); ++i) {
        if (!take_line(learning, all[i])) return std::nullopt;
    }
    // A name that is no twin's would be a way to any profile.
    const bool whole = learning.deadline != 0 && !learning.profile.empty() && (is_twin(learning.twin) || learning.is_in_place()) &&
                       learning.twin.find("//") == std::string::npos;
    return whole ? std::optional(std::move(learning)) : std::nullopt;
}

std::uint64_t learning_clock() {
    timespec now{};
    (void)::clock_gettime(CLOCK_BOOTTIME, &now);
    constexpr std::uint64_t kSecond = 1'000'000'000;
    return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

Result<std::optional<Learning>> LearningPlace::left(std::string_view confinement) const {
    auto opened = TRY(open_learning(directory_, confinement));
    return opened ? std::optional(std::move(opened->learning)) : std::optional<Learning>();
}

Result<std::optional<Learning>> LearningPlace::of(std::string_view confinement) const {
    auto opened = TRY(open_learning(directory_, confinement));
    if (!opened) return std::optional<Learning>();
    if (learning_clock() >= opened->learning.deadline) return unusable(opened->path, "says that the time is over");
    if (!is_held_alone(opened->fd.get())) {
        return unusable(opened->path, "was left by an 'aa-shimctl learn' that does not run any more: 'aa-shimctl load' takes it away");
    }
    const auto loaded = kernel_.is_loaded(opened->learning.twin);
    if (!loaded) return unusable(opened->path, concat({"names a twin that the kernel cannot be asked about: ", loaded.error().message}));
    if (!*loaded) return unusable(opened->path, concat({"names the twin ", quote(opened->learning.twin), ", which is not loaded"}));
    return std::optional(std::move(opened->learning));
}

bool is_twin(std::string_view learning) { return learning.starts_with(kTwinPrefix) && learning.size() > kTwinPrefix.size(); }

void learn_from(Decision& decision, const Learning& learning, const apparmor::Confinement& confinement, const apparmor::Facts& facts,
                std::string_view id) {
    if (!decision.bounds.profile || !is_meant(learning.filter, facts, id)) return;
    decision.learning = learning.twin;
    auto& denied = decision.bounds.deny_syscalls;
    if (std::find(denied.begin(), denied.end(), kChangesLabel) == denied.end()) denied.emplace_back(kChangesLabel);
    if (learning.is_in_place()) {
        decision.reasons.push_back(concat({"'aa-shimctl learn --in-place' has ", quote(learning.twin), " itself forbid next to nothing"}));
        return;
    }
    decision.bounds.profile = replace_component(*decision.bounds.profile, confinement.profile, learning.twin);
    decision.bounds.ceiling.reset();
    decision.reasons.push_back(concat({"'aa-shimctl learn' has it run under ", quote(*decision.bounds.profile),
                                       ", which forbids next to nothing, and with the capabilities that the engine gives"}));
}

std::string called_by(std::string_view word) { return std::string(word.substr(word.rfind('/') + 1)); }

std::string calls_file(std::string_view confinement) { return concat({".", confinement}); }

std::string to_line(const LearnedCall& call) {
    constexpr std::size_t kLongest = 4096;
    constexpr std::size_t kLongestName = 255;  // of a part of a path (NAME_MAX)
    // A space would end it.
    const bool is_word = !call.called.empty() && call.called.find(' ') == std::string::npos;
    const auto called = is_word ? escape(call.called, {}, kLongestName) : std::string(kNotCalled);
    return concat({call.is_exec ? "exec " : "start ", call.container, call.may_gain ? " may-gain " : " no-new-privileges ", called, " ",
                   escape(call.program, {}, kLongest), "\n"});
}

std::optional<LearnedCall> read_call(std::string_view line) {
    const auto kind = split_line(line);
    if (!kind || (kind->key != "exec" && kind->key != "start")) return std::nullopt;
    const auto container = split_line(kind->value);
    const auto privileges = container ? split_line(container->value) : std::nullopt;
    const auto rest = privileges ? split_line(privileges->value) : std::nullopt;
    if (!rest || (privileges->key != "may-gain" && privileges->key != "no-new-privileges")) return std::nullopt;
    return LearnedCall{kind->key == "exec", std::string(container->key), std::string(rest->value),
                       rest->key == kNotCalled ? std::string() : std::string(rest->key), privileges->key == "may-gain"};
}

void tell_learner(std::string_view confinement, const LearnedCall& call, const char* directory) {
    constexpr off_t kMost = off_t{16} << 20;
    const auto path = concat({directory, "/", calls_file(confinement)});
    const Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat st {};
    if (!fd.valid() || ::fstat(fd.get(), &st) != 0 || !is_trusted(st) || st.st_size > kMost) return;
    (void)write_all(fd.get(), to_line(call));
}

}  // namespace aa::shim
