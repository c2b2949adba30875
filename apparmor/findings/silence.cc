// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/silence.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::string_view kSpace = " \t\r";
constexpr std::string_view kMark = "aa-shim:";
constexpr std::string_view kVerb = "ignore";
constexpr std::string_view kBecause = "because";

struct Silence {
    Origin origin;
    std::uint32_t line = 0;  // that it means
    std::string code;
    bool has_reason = false;
    bool used = false;
};

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Takes the first word off TEXT.
std::string_view take_word(std::string_view& text) {
    text = trimmed(text);
    const std::string_view word = text.substr(0, std::min(text.find_first_of(" \t,"), text.size()));
    text = text.substr(word.size());
    return word;
}

// Where the comment of LINE begins that silences something; nothing if there is none.
std::optional<std::size_t> find_comment(std::string_view line) {
    for (std::size_t at = line.find(kMark); at != std::string_view::npos; at = line.find(kMark, at + 1)) {
        const std::string_view before = trimmed(line.substr(0, at));
        std::string_view after = line.substr(at + kMark.size());
        if (take_word(after) != kVerb) continue;
        if (before.ends_with('#')) return line.rfind('#', at);
        if (before.ends_with("//")) return line.rfind("//", at);
    }
    return std::nullopt;
}

bool is_comment_or_empty(std::string_view line) {
    line = trimmed(line);
    return line.empty() || line.starts_with("//") || (line.starts_with('#') && !line.starts_with("#include"));
}

// Adds what COMMENT at ORIGIN silences: "aa-shim: ignore AA401, AA402 because …".
void add_silences(std::string_view comment, const Origin& origin, std::uint32_t line, std::vector<Silence>& silences) {
    comment.remove_prefix(comment.find(kMark) + kMark.size());
    (void)take_word(comment);
    std::vector<Silence> found;
    do {
        if (comment.starts_with(',')) comment.remove_prefix(1);
        found.push_back({origin, line, std::string(take_word(comment))});
        comment = trimmed(comment);
    } while (comment.starts_with(','));
    const bool reasoned = take_word(comment) == kBecause && !trimmed(comment).empty();
    for (auto& silence : found) silence.has_reason = reasoned;
    silences.insert(silences.end(), found.begin(), found.end());
}

void read_silences(const SourceText& file, std::vector<Silence>& silences) {
    const auto all = lines(file.text);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto begin = find_comment(all[i]);
        if (!begin) continue;
        std::size_t meant = i;
        while (meant < all.size() && is_comment_or_empty(all[meant])) ++meant;
        add_silences(all[i].substr(*begin), {file.file, static_cast<std::uint32_t>(i + 1), static_cast<std::uint32_t>(*begin + 1)},
                     static_cast<std::uint32_t>(meant + 1), silences);
    }
}

bool silences(const Silence& silence, const Finding& finding) {
    return silence.has_reason && silence.code == finding.code && silence.line == finding.origin.line &&
           silence.origin.file == finding.origin.file && can_be_silenced(finding.code);
}

Finding complaint(std::string_view code, const Silence& silence, std::string problem, std::string why, std::string cure) {
    return {code, silence.origin, std::move(problem), std::move(why), std::move(cure), {}};
}

std::optional<Finding> judge(const Silence& silence, Coverage coverage) {
    if (find_code(silence.code) == nullptr) {
        return complaint("AA903", silence, concat({quote(silence.code), " is not the code of a finding"}), "the comment silences nothing",
                         "write the code as aa-shimctl prints it, or remove the comment");
    }
    if (!can_be_silenced(silence.code)) {
        return complaint("AA903", silence, concat({silence.code, " cannot be silenced"}),
                         "an error stays one when the file is loaded, and what is said of comments would have no end",
                         "mend what it is about, and remove the comment");
    }
    if (!silence.has_reason) {
        return complaint("AA901", silence, concat({"the comment that silences ", silence.code, " gives no reason"}),
                         "who reads it later cannot tell whether it still holds, so it silences nothing",
                         concat({"write `aa-shim: ignore ", silence.code, " because …`"}));
    }
    if (silence.used || coverage == Coverage::some) return std::nullopt;
    return complaint("AA902", silence, concat({"there is no ", silence.code, " here to silence"}),
                     "a comment that stays would hide the next one", "remove the comment");
}

}  // namespace

bool can_be_silenced(std::string_view code) {
    const auto* kind = find_code(code);
    return kind != nullptr && kind->severity != Severity::error && !code.starts_with("AA9");
}

std::vector<Finding> without_silenced(std::vector<Finding> findings, std::span<const SourceText> files, Coverage coverage) {
    std::vector<Silence> comments;
    for (const auto& file : files) read_silences(file, comments);
    std::erase_if(findings, [&](const Finding& finding) {
        bool silenced = false;
        for (auto& comment : comments) {
            if (!silences(comment, finding)) continue;
            comment.used = true;
            silenced = true;
        }
        return silenced;
    });
    for (const auto& comment : comments) {
        if (auto finding = judge(comment, coverage)) findings.push_back(*std::move(finding));
    }
    return findings;
}

}  // namespace aa::apparmor
