// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl check [PATH…]: what would `load` say, and what would a container not survive? Changes nothing.
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "apparmor/findings/syntax.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/examine.h"
#include "ctl/catalog/fix.h"
#include "ctl/catalog/formats.h"
#include "ctl/catalog/profiles.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

namespace {

struct Options {
    std::vector<std::string> paths;
    std::string profiles;  // empty: not given
    bool no_profiles = false;
    bool strict = false;
    Format format = Format::text;
    FixOptions fix;

    [[nodiscard]] Strictness strictness() const { return strict ? Strictness::warnings_are_errors : Strictness::usual; }
};

apparmor::LoadSettings settings_of(const Options& options) {
    apparmor::LoadSettings settings;
    settings.cache = apparmor::host_policy_cache();
    if (!options.profiles.empty()) settings.directories.front() = options.profiles;
    return settings;
}

// The default one need not be there.
Result<void> require_profiles(const Options& options) {
    if (options.profiles.empty()) return {};
    TRY(open_file(AT_FDCWD, options.profiles, O_PATH | O_DIRECTORY).context("--profiles"));
    return {};
}

// Mends the profile files that are named, or those of the installed catalog.
int fix(const Context& context, const Options& options) {
    const auto settings = settings_of(options);
    auto files = options.paths;
    if (files.empty()) {
        const auto installed =
            examine({std::string(apparmor::kCatalogDirectory)}, Trust::required, Profiles::examine, apparmor::Kernel(), settings);
        if (!installed) return fail(context, installed.error());
        for (const auto& source : installed->sources) {
            if (!source.file.empty() && std::find(files.begin(), files.end(), source.file) == files.end()) files.push_back(source.file);
        }
    }
    const auto parser = apparmor::Parser::find();
    if (!parser) return fail(context, parser.error());
    const auto features = apparmor::features_for(apparmor::Kernel().require_enabled().has_value());
    if (!features) return fail(context, features.error());
    const auto examine_text = [&](const std::string& file, const std::string& text) {
        if (auto finding = no_text(file, text)) return Result<std::vector<apparmor::Finding>>({*std::move(finding)});
        return apparmor::syntax_findings(*parser, file, text, *features);
    };
    return fix_files(context, options.fix, files, examine_text, apparmor::same_policy(*parser, *features));
}

// What a run has found, and what is said of it besides.
struct Checked {
    std::vector<apparmor::Finding> findings;
    Json counts;         // for the JSON document
    std::string praise;  // if nothing is wrong
};

std::string count(std::size_t number, std::string_view thing) {
    return concat({decimal(static_cast<long long>(number)), " ", thing, number == 1 ? "" : "s"});
}

Result<Checked> check_catalog(const Options& options) {
    // A catalog that is being written may be anybody's; the installed one is judged as `load` judges it.
    const bool installed = options.paths.empty();
    const auto settings = settings_of(options);
    auto result = TRY(examine(installed ? std::vector<std::string>{std::string(apparmor::kCatalogDirectory)} : options.paths,
                              installed ? Trust::required : Trust::not_required, options.no_profiles ? Profiles::skip : Profiles::examine,
                              apparmor::Kernel(), settings));
    auto findings = std::move(result.findings);
    findings.insert(findings.end(), result.unknown.begin(), result.unknown.end());
    Json numbers = counts(result);  // of the catalog's own files
    std::string praise = concat({"The catalog is good: ", summary(result), "."});
    const bool all = result.is_read && !options.no_profiles;
    if (all) {
        auto found = TRY(check_profiles_of(result, settings));
        // What the parser says first of a file is among all that is wrong with it.
        std::erase_if(findings, [&](const apparmor::Finding& finding) {
            return finding.code == "AA100" && std::any_of(found.texts.begin(), found.texts.end(), [&](const apparmor::SourceText& text) {
                       return text.file == finding.origin.file;
                   });
        });
        findings.insert(findings.end(), found.findings.begin(), found.findings.end());
        result.texts.insert(result.texts.end(), found.texts.begin(), found.texts.end());
    }
    return Checked{without_silenced(std::move(findings), result.texts, all ? apparmor::Coverage::all : apparmor::Coverage::some),
                   std::move(numbers), std::move(praise)};
}

// Whether PATH is a directory of profiles, and of no catalog.
bool holds_profiles(const std::string& path) {
    std::error_code error;
    return !is_catalog(path) && std::filesystem::is_directory(path, error) && !std::filesystem::is_empty(path, error);
}

// Those in DIRECTORY, or without one the files that are named.
Result<Checked> check_profiles(const Options& options, const std::string& directory) {
    auto result = TRY(directory.empty() ? check_profile_files(options.paths) : check_profile_directory(directory));
    const auto files = result.texts.size();
    return Checked{without_silenced(std::move(result.findings), result.texts, apparmor::Coverage::all),
                   {{"files", files}},
                   concat({"The profiles are good: ", count(files, "file"), "."})};
}

Result<Checked> check(const Options& options) {
    if (options.paths.empty()) return options.profiles.empty() ? check_catalog(options) : check_profiles(options, options.profiles);
    if (options.profiles.empty() && options.paths.size() == 1 && holds_profiles(options.paths.front()))
        return check_profiles(options, options.paths.front());
    const auto catalogs = std::count_if(options.paths.begin(), options.paths.end(), is_catalog_file);
    if (catalogs == 0) return check_profiles(options, {});
    if (static_cast<std::size_t>(catalogs) == options.paths.size()) return check_catalog(options);
    const auto profile = std::find_if_not(options.paths.begin(), options.paths.end(), is_catalog_file);
    return Error{ErrorKind::usage, concat({quote(*profile),
                                           " is no catalog, and others are: check catalogs and files of profiles apart; "
                                           "--profiles names a directory of profiles for a catalog"})};
}

int run(const Context& context, const Options& options) {
    if (const auto there = require_profiles(options); !there) return fail(context, there.error());
    if (options.fix.fix) return fix(context, options);
    auto checked = check(options);
    if (!checked) return fail(context, checked.error());
    auto& findings = checked->findings;
    sort_findings(findings);
    const bool good = are_good(findings, options.strictness());
    switch (context.json && options.format == Format::text ? Format::json : options.format) {
        case Format::text:
            report(findings, options.strictness());
            if (good) say(checked->praise);
            break;
        case Format::json: {
            Json document = to_json(findings, options.strictness());
            document.update(checked->counts);
            print(document);
            break;
        }
        case Format::github:
            (void)std::fputs(to_github(findings, options.strictness()).c_str(), stdout);
            break;
        case Format::sarif:
            print(to_sarif(findings, options.strictness()));
            break;
    }
    return good ? kOk : kWrong;
}

}  // namespace

void add_check(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("check", "Check a catalog and the profiles that it names, or profiles alone; nothing is changed");
    const auto options = std::make_shared<Options>();
    command.option("PATH", options->paths,
                   "Catalog files, or directories of them (default: /etc/aa-shim/catalog.d); or files of profiles, or one "
                   "directory of them");
    command.option(
        "--profiles", options->profiles,
        "Directory of profiles that comes before /etc/apparmor.d (default: /etc/aa-shim/apparmor.d); without PATH it is what is checked");
    command.flag("--no-profiles", options->no_profiles, "Check the catalog files alone, not the AppArmor profiles");
    command.flag("--strict", options->strict, "Take warnings for errors");
    command
        .choice<Format>("--format", options->format,
                        {{"text", Format::text}, {"json", Format::json}, {"github", Format::github}, {"sarif", Format::sarif}},
                        "text (default), json, github or sarif")
        .type_name("FORMAT");
    const auto fix =
        command.flag("--fix", options->fix.fix, "Mend the profile files PATH, or those of the catalog, after showing what would change");
    command.flag("--yes", options->fix.yes, "Make the changes of --fix without asking").needs(fix);
    command.callback([&context, options] { context.run(Task::check, [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
