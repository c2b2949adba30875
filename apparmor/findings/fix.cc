// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/fix.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr int kMostRounds = 8;

bool touch(const Edit& a, const Edit& b) { return a.offset <= b.offset + b.length && b.offset <= a.offset + a.length; }

std::size_t errors_in(std::span<const Finding> findings) {
    return static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(), [](const Finding& finding) { return finding.severity() == Severity::error; }));
}

bool has_fix(const Finding& finding) { return !finding.fix.empty(); }

// The compiled TEXT; nothing if it does not compile.
Result<std::optional<std::string>> compiled(const Parser& parser, const std::string& text, const std::string& features) {
    auto run = TRY(parser.compile_input(text, features));
    return run.ok() ? std::optional(std::move(run.output)) : std::nullopt;
}

}  // namespace

std::string apply_fixes(std::string_view text, std::span<const Finding> findings) {
    std::vector<Edit> edits;
    for (const auto& finding : findings) {
        const bool free = std::none_of(finding.fix.begin(), finding.fix.end(), [&](const Edit& edit) {
            const bool outside = edit.offset > text.size() || edit.length > text.size() - edit.offset;
            return outside || std::any_of(edits.begin(), edits.end(), [&](const Edit& other) { return touch(edit, other); });
        });
        if (free) edits.insert(edits.end(), finding.fix.begin(), finding.fix.end());
    }
    std::sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) { return a.offset < b.offset; });
    std::string result;
    std::size_t at = 0;
    for (const auto& edit : edits) {
        result.append(text.substr(at, edit.offset - at)).append(edit.text);
        at = edit.offset + edit.length;
    }
    return result.append(text.substr(at));
}

Result<Fixed> fix_text(const std::string& file, const std::string& text, const Examine& examine, const MayReplace& may_replace) {
    Fixed fixed{text, TRY(examine(text))};
    const std::size_t errors = errors_in(fixed.left);
    for (int round = 0; round < kMostRounds && std::any_of(fixed.left.begin(), fixed.left.end(), has_fix); ++round) {
        auto next = apply_fixes(fixed.text, fixed.left);
        if (next == fixed.text) break;
        fixed.text = std::move(next);
        fixed.left = TRY(examine(fixed.text));
    }
    if (errors_in(fixed.left) > errors) {
        return Error{ErrorKind::config,
                     concat({quote(file), " would have more errors with its fixes than without: it stays as it is; mend it by hand"})};
    }
    if (fixed.text != text) TRY(may_replace(text, fixed.text).context(quote(file)));
    return fixed;
}

MayReplace same_policy(const Parser& parser, const std::string& features) {
    return [parser, features](const std::string& old_text, const std::string& new_text) -> Result<void> {
        const auto before = TRY(compiled(parser, old_text, features));
        if (!before || before == TRY(compiled(parser, new_text, features))) return {};
        return Error{ErrorKind::config,
                     "the profile loads as it is, and its fixes would change what it allows: it stays as it is; mend it by hand"};
    };
}

}  // namespace aa::apparmor
