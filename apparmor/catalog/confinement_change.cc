// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "apparmor/catalog/difference.h"
#include "apparmor/catalog/first_match.h"
#include "apparmor/catalog/gain.h"
#include "apparmor/catalog/pattern.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kExamples = 3;

void add(std::vector<std::string>& words, const std::vector<std::string>& more, std::string_view head) {
    for (const auto& word : more) words.push_back(concat({head, word}));
}

// The first of MORE in one line.
void add_some(std::vector<std::string>& words, const std::vector<std::string>& more, std::string_view head) {
    if (more.empty()) return;
    const auto count = std::min(more.size(), kExamples);
    const std::span some(more.data(), count);
    words.push_back(concat({head, join(some, "; "), count < more.size() ? "; and more" : ""}));
}

// What BEFORE and AFTER allow: of the profile as it was and is all, of two profiles, which differ in many things, some.
void add_profiles(ChangeWords& words, const ChangeWords& more, const std::string& before, const std::string& after) {
    if (before == after) {
        add(words.gains, more.gains, "by its profile: ");
        add(words.losses, more.losses, "by its profile: ");
    } else {
        add_some(words.gains, more.gains, concat({"what ", quote(after), " allows and ", quote(before), " does not: "}));
        add_some(words.losses, more.losses, concat({"what ", quote(before), " allows and ", quote(after), " does not: "}));
    }
    add(words.notes, more.notes, "");
}

// ---- exec rules

// What happens to a command.
struct Command {
    enum class Kind : std::uint8_t { denied, label, prescribed };  // prescribed: by the profile's own rules
    Kind kind = Kind::denied;
    std::optional<std::string> label;  // nothing: no profile
};

std::optional<std::string> label_of(const Confinement& confinement) {
    const auto* label = std::get_if<std::string>(&confinement.profile);
    return label != nullptr ? std::optional(*label) : std::nullopt;
}

// By the exec rule AT of CONFINEMENT; behind the last one stands `otherwise`.
Command command_at(const Confinement& confinement, std::size_t at) {
    if (at < confinement.exec_rules.size()) {
        const auto* label = std::get_if<std::string>(&confinement.exec_rules[at].action);
        return label != nullptr ? Command{Command::Kind::label, *label} : Command{Command::Kind::denied, {}};
    }
    switch (confinement.exec_otherwise) {
        case ExecOtherwise::transition:
            return {Command::Kind::prescribed, label_of(confinement)};
        case ExecOtherwise::base:
            return {Command::Kind::label, label_of(confinement)};
        case ExecOtherwise::deny:
            break;
    }
    return {Command::Kind::denied, {}};
}

std::string text_of(const Command& command) {
    if (!command.label) return "without a profile";
    return command.kind == Command::Kind::prescribed ? "as its profile prescribes" : concat({"under ", quote(*command.label)});
}

std::string pattern_at(const Confinement& confinement, std::size_t at) {
    return at < confinement.exec_rules.size() ? confinement.exec_rules[at].command : std::string("**");
}

class ExecChange {
public:
    ExecChange(const Confinement& before, const Confinement& after, ProfileComparison& profiles)
        : before_(before), after_(after), profiles_(profiles) {}

    Result<ChangeWords> words() {
        for (const auto& [before, after] : meetings(lists())) {
            const bool both_otherwise = before == before_.exec_rules.size() && after == after_.exec_rules.size();
            if (!both_otherwise) TRY(compare(before, after));
        }
        return std::move(words_);
    }

private:
    [[nodiscard]] FirstMatchLists lists() const {
        const auto same = [this](std::size_t before) {
            std::size_t after = 0;
            while (after <= after_.exec_rules.size() && pattern_at(after_, after) != pattern_at(before_, before)) ++after;
            return after;
        };
        return {before_.exec_rules.size() + 1,
                after_.exec_rules.size() + 1,
                same,
                [this](std::size_t before, std::size_t after) {
                    return pattern_covers(pattern_at(before_, before), pattern_at(after_, after));
                },
                [this](std::size_t before, std::size_t after) {
                    return pattern_covers(pattern_at(after_, after), pattern_at(before_, before));
                },
                [this](std::size_t before, std::size_t after) {
                    return patterns_may_meet(pattern_at(before_, before), pattern_at(after_, after));
                }};
    }

    // The commands that both entries are about.
    [[nodiscard]] std::string subject(std::size_t before, std::size_t after) const {
        const auto old = pattern_at(before_, before);
        const auto now = pattern_at(after_, after);
        if (pattern_covers(old, now)) return quote(now);
        return pattern_covers(now, old) ? quote(old) : concat({"what is both ", quote(old), " and ", quote(now)});
    }

    Result<void> compare(std::size_t before, std::size_t after) {
        const auto old = command_at(before_, before);
        const auto now = command_at(after_, after);
        const auto what = concat({"run ", subject(before, after)});
        if (old.kind == Command::Kind::denied && now.kind == Command::Kind::denied) return {};
        if (old.kind == Command::Kind::denied) {
            words_.gains.push_back(concat({what, " ", text_of(now)}));
        } else if (now.kind == Command::Kind::denied) {
            words_.losses.push_back(concat({what, " ", text_of(old)}));
        } else if (old.kind == Command::Kind::prescribed && now.kind == Command::Kind::label) {
            words_.gains.push_back(concat({what, " ", text_of(now), ", whatever its profile prescribes"}));
        } else {
            TRY(compare(old.label, now.label, what));
        }
        return {};
    }

    Result<void> compare(const std::optional<std::string>& old, const std::optional<std::string>& now, const std::string& what) {
        if (old && now) {
            const auto more = TRY(profiles_.compare(*old, *now));
            add_some(words_.gains, more.gains, concat({what, " under ", quote(*now), ", which allows more: "}));
            add_some(words_.losses, more.losses, concat({what, " under ", quote(*old), ", which allows more: "}));
        } else if (old) {
            words_.gains.push_back(concat({what, " without a profile"}));
        } else if (now) {
            words_.losses.push_back(concat({what, " without a profile"}));
        }
        return {};
    }

    const Confinement& before_;
    const Confinement& after_;
    ProfileComparison& profiles_;
    ChangeWords words_;
};

// ---- the rest

// How a profile that was asked for counts, and how the first program is started. Where A lets a container have more than B, in words.
std::vector<std::string> gains_of_start(const Confinement& a, const Confinement& b) {
    std::vector<std::string> words;
    if (a.combine == Combine::replace && b.combine != Combine::replace)
        words.emplace_back("leave a profile that was asked for (\"combine\")");
    if (a.combine == Combine::tighten && b.combine == Combine::stack)
        words.emplace_back("leave the default profile of its engine (\"combine\")");
    if (a.start == Start::in_profile && b.start == Start::from_profile)
        words.emplace_back("start a first program that its profile does not let it execute (\"start\")");
    return words;
}

void add_notes(const Confinement& before, const Confinement& after, ChangeWords& words) {
    if (before.refuse_exec != after.refuse_exec) {
        words.notes.emplace_back(after.refuse_exec == RefuseExec::error
                                     ? "an exec that is refused is an error for its engine (\"refuseExec\")"
                                     : "an exec that is refused ends with exit status 126 (\"refuseExec\")");
    }
}

}  // namespace

Result<ChangeWords> compare(const Confinement& before, const Confinement& after, ProfileComparison& profiles) {
    ChangeWords words{gains(after, before), gains(before, after), {}};
    std::ranges::move(gains_of_start(after, before), std::back_inserter(words.gains));
    std::ranges::move(gains_of_start(before, after), std::back_inserter(words.losses));
    const auto old = label_of(before);
    const auto now = label_of(after);
    if (old && now) add_profiles(words, TRY(profiles.compare(*old, *now)), *old, *now);
    const auto exec = TRY(ExecChange(before, after, profiles).words());
    add(words.gains, exec.gains, "");
    add(words.losses, exec.losses, "");
    add_notes(before, after, words);
    return words;
}

}  // namespace aa::apparmor
