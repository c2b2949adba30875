// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl diff: what profiles, or the containers of a catalog, gain and lose from one version to another. Nothing is changed.
#include <algorithm>
#include <memory>

#include "apparmor/load.h"
#include "base/text.h"
#include "ctl/catalog/profiles.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/diff/catalogs.h"
#include "ctl/diff/profiles.h"
#include "ctl/policy/opened.h"

namespace aa::ctl {

namespace {

struct Options {
    std::string from;  // empty: the catalog in force against the installed one
    std::string to;    // empty: `from` is the new one, and the old one is in force
    std::vector<std::string> labels;
    std::vector<std::string> profiles, old_profiles;
    std::vector<std::string> logs;

    [[nodiscard]] bool has_catalog_options() const { return !profiles.empty() || !old_profiles.empty() || !logs.empty(); }
};

int print_comparison(const Context& context, const Comparison& comparison) {
    if (context.json) {
        print(comparison.document);
    } else {
        for (const auto& line : comparison.lines) say(line);
    }
    if (complain_of_broken(context, comparison.broken)) return kUsage;
    return comparison.gains ? kWrong : kOk;
}

Result<Comparison> compare_profiles(const Options& options) {
    if (options.has_catalog_options())
        return Error{ErrorKind::usage, "--profiles, --old-profiles and --log go with catalogs, and these are profiles"};
    const auto changes = TRY(profile_changes({options.from, options.to, options.labels}));
    auto document = to_json(changes);
    const bool gains = !document["ok"].get<bool>();
    return Comparison{gains, std::move(document), lines_of(changes), changes.broken};
}

Result<Comparison> compare_catalogs(const Options& options) {
    if (!options.labels.empty()) return Error{ErrorKind::usage, "--profile goes with profiles, and these are catalogs"};
    const bool two = !options.to.empty();
    const auto to = two ? options.to : options.from.empty() ? std::string(apparmor::kCatalogDirectory) : options.from;
    const auto& old_profiles = options.old_profiles.empty() && two ? options.profiles : options.old_profiles;
    const auto changes = TRY(catalog_changes({two ? options.from : std::string(), to, old_profiles, options.profiles, options.logs}));
    return Comparison{changes.gains(), to_json(changes), lines_of(changes), {}};
}

Result<Comparison> compare(const Options& options) {
    const bool catalog = options.from.empty() || is_catalog(options.from);
    if (!options.to.empty() && is_catalog(options.to) != catalog) {
        return Error{ErrorKind::usage, concat({"a catalog is not compared with profiles: ", quote(options.from), " is ",
                                               catalog ? "one" : "none", ", and ", quote(options.to), catalog ? " is none" : " is one"})};
    }
    return catalog ? compare_catalogs(options) : compare_profiles(options);
}

int diff(const Context& context, const Options& options) {
    const auto compared = compare(options);
    if (compared) return print_comparison(context, *compared);
    const int code = fail(context, compared.error());
    return code == kWrong ? kUsage : code;  // 1 is an answer
}

}  // namespace

void add_diff(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("diff", "What catalogs or profiles gain (+) and lose (-) from one version to another");
    const auto options = std::make_shared<Options>();
    command.option("OLD", options->from,
                   "A catalog or profile file, or a directory of them; alone it is the new one, and the old one is in force "
                   "(default: the installed catalog)");
    command.option("NEW", options->to, "The same, afterwards");
    const auto add = [&](const char* name, std::vector<std::string>& values, const char* text, const char* type) {
        command.option(name, values, text).type_name(type).repeatable();
    };
    add("--profile", options->labels, "Of profiles: compare this one only; may be repeated", "NAME");
    add("--profiles", options->profiles, "Of catalogs: profile files, or directories of them, instead of this host's", "PATH");
    add("--old-profiles", options->old_profiles, "The same for OLD (default: the same files)", "PATH");
    add("--log", options->logs, "A file of decisions (\"decisionLog\") that has those on the containers that run", "FILE");
    command.callback([&context, options] { context.run(Task::diff, [&context, options] { return diff(context, *options); }); });
}

}  // namespace aa::ctl
