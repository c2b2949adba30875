// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/fix.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/diff.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/rewrite_file.h"
#include "base/text.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

namespace {

constexpr std::size_t kMaxProfileFile = 4UL << 20U;

struct Change {
    std::string file;
    std::string before;
    apparmor::Fixed fixed;

    [[nodiscard]] bool any() const { return fixed.text != before; }
    [[nodiscard]] std::string diff() const {
        const auto slash = file.starts_with('/') ? "" : "/";
        return unified_diff(before, fixed.text, concat({"a", slash, file}), concat({"b", slash, file}));
    }
};

Result<Change> change_of(const std::string& file, const ExamineFile& examine, const apparmor::MayReplace& may_replace) {
    const Fd fd = TRY(open_file(AT_FDCWD, file, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    Change change{file, std::string(TRY(read_file(fd.get(), kMaxProfileFile, file)).text()), {}};
    change.fixed = TRY(apparmor::fix_text(
        file, change.before, [&](const std::string& text) { return examine(file, text); }, may_replace));
    return change;
}

// Asks the person at the terminal; no terminal, no consent.
bool consents(std::size_t files) {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return false;
    complain(concat({"Make these changes to ", decimal(static_cast<long long>(files)), files == 1 ? " file? [y/N]" : " files? [y/N]"}));
    std::array<char, 16> answer{};
    return ::read(STDIN_FILENO, answer.data(), answer.size()) > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

Json to_json(const Change& change) {
    Json left = Json::array();
    for (const auto& finding : change.fixed.left) {
        left.push_back(
            {{"code", finding.code}, {"line", finding.origin.line}, {"column", finding.origin.column}, {"text", finding.text()}});
    }
    return {{"file", change.file}, {"diff", change.diff()}, {"left", std::move(left)}};
}

void show(const Context& context, const std::vector<Change>& changes) {
    Json files = Json::array();
    for (const auto& change : changes) {
        if (context.json) {
            files.push_back(to_json(change));
        } else if (auto diff = change.diff(); !diff.empty()) {
            diff.pop_back();
            say(diff);
        }
    }
    if (context.json) print({{"files", std::move(files)}});
}

bool is_error(const apparmor::Finding& finding) { return finding.severity() == apparmor::Severity::error; }

}  // namespace

int fix_files(const Context& context, const FixOptions& options, const std::vector<std::string>& files, const ExamineFile& examine,
              const apparmor::MayReplace& may_replace) {
    std::vector<Change> changes;
    for (const auto& file : files) {
        auto change = change_of(file, examine, may_replace);
        if (!change) return fail(context, change.error());
        changes.push_back(*std::move(change));
    }
    show(context, changes);
    const auto changed =
        static_cast<std::size_t>(std::count_if(changes.begin(), changes.end(), [](const Change& change) { return change.any(); }));
    if (changed > 0 && !options.yes && (context.json || !consents(changed))) {
        if (!context.json) complain("Nothing was changed: --yes makes these changes without asking");
        return kWrong;
    }
    bool errors = false;
    for (const auto& change : changes) {
        if (change.any()) {
            if (const auto written = rewrite_file(change.file, change.before, change.fixed.text); !written)
                return fail(context, written.error());
        }
        for (const auto& finding : change.fixed.left) {
            errors = errors || is_error(finding);
            if (!context.json) complain(finding.text());
        }
    }
    if (!context.json && changed == 0) say("There is nothing that could be fixed without a person's decision.");
    return errors ? kWrong : kOk;
}

}  // namespace aa::ctl
