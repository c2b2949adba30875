// SPDX-License-Identifier: Apache-2.0
#include "ctl/new/draft.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "apparmor/load.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_files.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/examine.h"

namespace aa::ctl {

namespace {

constexpr std::size_t kMaxName = 63;
constexpr std::size_t kMaxTemplate = 1UL << 20U;
constexpr std::string_view kBaseline = "aa-shim-baseline";
// The licence of the templates is no business of what is made of them.
constexpr std::string_view kLicence = "# SPDX-License-Identifier: Apache-2.0\n#\n";

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
    return text;
}

// The catalog's files in DIRECTORY; none where there is no catalog yet.
Result<std::vector<apparmor::CatalogSource>> catalog_files(const std::string& directory) {
    std::error_code error;
    if (!std::filesystem::exists(directory, error)) return std::vector<apparmor::CatalogSource>();
    auto files = read_catalog_files({directory}, Trust::not_required);
    if (files || files.error().kind != ErrorKind::config) return files;
    return std::vector<apparmor::CatalogSource>();
}

// What the new entry has to say for the catalog in DIRECTORY to be one: what becomes of the containers that no rule is about, unless a file
// there does.
Result<std::string> missing_otherwise(const std::string& name, const std::string& directory) {
    auto files = TRY(catalog_files(directory));
    auto reading = apparmor::read_catalog(files);
    const bool has_otherwise = reading.ok();
    if (!has_otherwise) {
        files.push_back({"", R"({ "otherwise": { "reject": "nothing is said of it" } })"});
        reading = apparmor::read_catalog(files);
    }
    if (!reading.ok())
        return Error{ErrorKind::config, concat({"the catalog in ", quote(directory), " is wrong: ", reading.errors.front().text(),
                                                "; see aa-shimctl check ", directory})};
    if (const auto* there = reading.catalog.find(name); there != nullptr)
        return Error{ErrorKind::config, concat({"there is a confinement ", quote(name), " already, at ", there->origin.text()})};
    if (has_otherwise) return std::string();
    return concat({",\n  // No other file here says what holds for all other containers.\n  \"otherwise\": \"", name, "\""});
}

// That the new profile stays within the shipped baseline, where that is at hand.
Result<std::string> within_baseline(const std::string& name, const std::string& directory) {
    apparmor::ProfileFiles files(TRY(apparmor::Parser::find()), std::vector<std::string>{directory, "/etc/apparmor.d"});
    if (const auto defining = TRY(files.defining(name)); !defining.empty())
        return Error{ErrorKind::config, concat({"there is a profile ", quote(name), " already, in ", quote(defining.front())})};
    if (TRY(files.defining(kBaseline)).empty()) return std::string();
    return concat({",\n      // Who may choose it has no way to more than containers have that choose nothing.\n      \"within\": \"",
                   kBaseline, "\""});
}

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

Result<void> require_new_name(const std::string& name) {
    const bool good = !name.empty() && name.size() <= kMaxName && is_letter_or_digit(name.front()) &&
                      std::all_of(name.begin(), name.end(), [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
    if (!good)
        return Error{ErrorKind::usage,
                     concat({quote(name),
                             " cannot be a confinement, a profile and a handler at once: take small letters, digits, '-' and '_', "
                             "with a letter or a digit first, at most ",
                             decimal(static_cast<long long>(kMaxName))})};
    // Those that a catalog takes for an engine's (catalog.md, "combine"), or for none.
    const bool taken =
        name == "unconfined" || name == "docker-default" || name == "crio-default" || name.starts_with("containers-default-");
    if (taken) return Error{ErrorKind::usage, concat({quote(name), " has a meaning of its own: take another name"})};
    return {};
}

Result<std::vector<DraftFile>> draft(const std::string& name, const std::string& from, const std::string& directory,
                                     const std::string& templates) {
    TRY(require_new_name(name));
    const auto otherwise = TRY(missing_otherwise(name, directory + "/catalog.d"));
    const auto within = TRY(within_baseline(name, directory + "/apparmor.d"));
    const auto made = [&](std::string_view file) -> Result<std::string> {
        const auto path = concat({templates, "/", from, "/", file});
        const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY).context("the template"));
        std::string text(TRY(read_file(fd.get(), kMaxTemplate, path)).text());
        if (text.starts_with(kLicence)) text.erase(0, kLicence.size());
        // Both are texts of ours that say @NAME@ nowhere.
        return replaced(replaced(replaced(std::move(text), "@OTHERWISE@", otherwise), "@WITHIN@", within), "@NAME@", name);
    };
    return std::vector<DraftFile>{{concat({directory, "/apparmor.d/", name}), TRY(made("profile"))},
                                  {concat({directory, "/tests/", name, ".json"}), TRY(made("test.json"))},
                                  {concat({directory, "/catalog.d/50-", name, ".json"}), TRY(made("catalog.json"))}};
}

}  // namespace aa::ctl
