// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl check [PATH…]: what would `load` say? Changes nothing.
#include <fcntl.h>

#include <algorithm>
#include <memory>

#include "apparmor/findings/syntax.h"
#include "apparmor/lint.h"
#include "base/file.h"
#include "ctl/catalog/examine.h"
#include "ctl/catalog/fix.h"
#include "ctl/cli/command.h"

namespace aa::ctl {

namespace {

struct Options {
    std::vector<std::string> paths;
    std::string profiles = std::string(apparmor::kProfileDirectory);
    bool no_profiles = false;
    FixOptions fix;
};

// The default one need not be there.
Result<void> require_profiles(const Options& options) {
    if (options.profiles == apparmor::kProfileDirectory) return {};
    TRY(open_file(AT_FDCWD, options.profiles, O_PATH | O_DIRECTORY).context("--profiles"));
    return {};
}

// Mends the profile files that are named, or those of the installed catalog.
int fix(const Context& context, const Options& options, const apparmor::LoadSettings& settings) {
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
        return apparmor::syntax_findings(*parser, file, text, *features);
    };
    return fix_files(context, options.fix, files, examine_text, apparmor::same_policy(*parser, *features));
}

int check(const Context& context, const Options& options) {
    if (const auto there = require_profiles(options); !there) return fail(context, there.error());
    // A catalog that is being written may be anybody's; the installed one is judged as `load` judges it.
    const bool installed = options.paths.empty();
    apparmor::LoadSettings settings;
    settings.directories.front() = options.profiles;
    if (options.fix.fix) return fix(context, options, settings);
    auto result = examine(installed ? std::vector<std::string>{std::string(apparmor::kCatalogDirectory)} : options.paths,
                          installed ? Trust::required : Trust::not_required, options.no_profiles ? Profiles::skip : Profiles::examine,
                          apparmor::Kernel(), settings);
    if (!result) return fail(context, result.error());
    if (result->ok() && !options.no_profiles) {
        const auto notes = apparmor::source_pitfalls(result->catalog, result->sources, apparmor::Kernel(), settings);
        result->notes.insert(result->notes.end(), notes.begin(), notes.end());
    }
    if (context.json) {
        print(to_json(*result));
    } else {
        report(*result);
        if (result->ok()) say("The catalog is good: " + summary(*result) + ".");
    }
    return result->ok() ? kOk : kWrong;
}

}  // namespace

void add_check(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("check", "Check a catalog and the profiles that it names; nothing is changed");
    const auto options = std::make_shared<Options>();
    command->add_option("PATH", options->paths, "Catalog files, or directories of them (default: /etc/aa-shim/catalog.d)");
    command->add_option("--profiles", options->profiles, "Directory of profiles that comes before /etc/apparmor.d")->capture_default_str();
    command->add_flag("--no-profiles", options->no_profiles, "Check the catalog files alone, not the AppArmor profiles");
    auto* fix = command->add_flag("--fix", options->fix.fix,
                                  "Mend the profile files PATH, or those of the catalog, after showing what would change");
    command->add_flag("--yes", options->fix.yes, "Make the changes of --fix without asking")->needs(fix);
    command->callback([&context, options] { context.run(Task::check, [&context, options] { return check(context, *options); }); });
}

}  // namespace aa::ctl
