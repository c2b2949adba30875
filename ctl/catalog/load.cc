// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl load: puts the catalog in force. Everything is checked first; the profiles are loaded next; the compiled
// catalog is published last, with one rename. A failure on the way leaves the catalog that was in force.
#include "apparmor/load.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/library.h"
#include "apparmor/source/policy_cache.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/comparison.h"
#include "ctl/catalog/examine.h"
#include "ctl/catalog/formats.h"
#include "ctl/catalog/keep.h"
#include "ctl/catalog/put_in_force.h"
#include "ctl/catalog/rollback.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {

namespace {

const std::string kNotKept = "what was compiled is not kept, so that the next load takes longer: ";

struct Options {
    bool dry_run = false;
    bool history = false;
    std::optional<unsigned> rollback;  // how many loads back
    std::string catalog = std::string(apparmor::kCatalogDirectory);
    std::string output = std::string(apparmor::kCatalogPath);
};

struct Loaded {
    Examination examination;
    std::vector<std::string> remarks;  // what the operator should know although it worked
};

// Beside the catalog at PATH, where only root can write; to be used under lock_for_load(). What a load that was killed has left goes
// first.
class CompiledProfiles {
public:
    static Result<std::unique_ptr<CompiledProfiles>> make(const std::string& path) {
        auto made = std::make_unique<CompiledProfiles>(concat({path.substr(0, path.rfind('/') + 1), ".load.profiles"}));
        made->remove();
        if (::mkdir(made->directory_.c_str(), 0700) != 0) return errno_error("make the directory", made->directory_, errno);
        return made;
    }
    explicit CompiledProfiles(std::string directory) : directory_(std::move(directory)) {}
    CompiledProfiles(const CompiledProfiles&) = delete;
    CompiledProfiles& operator=(const CompiledProfiles&) = delete;
    ~CompiledProfiles() { remove(); }

    [[nodiscard]] const std::string& directory() const { return directory_; }

private:
    void remove() const {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::string directory_;
};

// What was compiled before, for the catalog that aa-shim reads. Without it a load takes longer, which the operator should know.
std::shared_ptr<apparmor::PolicyCache> open_cache(const std::string& path, std::vector<std::string>& remarks) {
    if (path != apparmor::kCatalogPath) return nullptr;
    const auto cache = apparmor::PolicyCache::open(apparmor::kPolicyCacheDirectory, apparmor::PolicyCache::Use::write);
    if (cache) return *cache;
    remarks.push_back(kNotKept + cache.error().message);
    return apparmor::host_policy_cache();
}

// Has what somebody learned under, who is not there any more, forbid again.
Result<void> settle(const apparmor::Kernel& kernel, const apparmor::Catalog& catalog, std::vector<std::string>& remarks) {
    for (auto& done : TRY(settle_twins(kernel, apparmor::profile_directories(catalog.profile_dirs)))) remarks.push_back(std::move(done));
    return {};
}

Result<Loaded> load(const Options& options) {
    const apparmor::Kernel kernel;
    TRY(apparmor::library_agrees(kernel));
    if (::geteuid() != 0 && kernel.require_enabled()) {
        return Error{ErrorKind::system, "only root can load AppArmor profiles: run aa-shimctl as root"};
    }
    const auto lock = TRY(apparmor::lock_for_load(options.output));
    const auto compiled = TRY(CompiledProfiles::make(options.output));
    apparmor::LoadSettings settings;
    settings.compiled = compiled->directory();
    Loaded result;
    settings.cache = open_cache(options.output, result.remarks);
    result.examination = TRY(examine({options.catalog}, Trust::required, Profiles::examine, kernel, settings));
    if (settings.cache) {
        settings.cache->prune();
        if (const auto& problem = settings.cache->problem(); !problem.empty()) result.remarks.push_back(kNotKept + problem);
    }
    if (!result.examination.ok()) return result;
    auto& examination = result.examination;
    const auto load_profiles = [&] { return apparmor::load_profiles(examination.catalog, examination.sources, kernel, settings); };
    const auto keep = [&](History& history, const apparmor::Kernel* has, std::string_view bytes) {
        return keep_load(history, {examination.files, examination.sources}, has, bytes);
    };
    for (const auto& unknown : examination.unknown) result.remarks.push_back(unknown.origin.text() + ": " + unknown.message());
    const auto remarks =
        TRY(put_in_force({examination.catalog, kernel, options.output, load_profiles, keep}, open_history(options.output)));
    result.remarks.insert(result.remarks.end(), remarks.begin(), remarks.end());
    if (kernel.require_enabled()) TRY(settle(kernel, examination.catalog, result.remarks));
    return result;
}

// What would be loaded; nothing is changed.
int dry_run(const Context& context, const Options& options) {
    apparmor::LoadSettings settings;
    settings.cache = apparmor::host_policy_cache();
    const auto examination = examine({options.catalog}, Trust::required, Profiles::examine, apparmor::Kernel(), settings);
    if (!examination) return fail(context, examination.error());
    const auto findings = without_silenced(examination->findings, examination->texts, apparmor::Coverage::some);
    Json document = to_json(findings, Strictness::usual);
    document.update(counts(*examination));
    if (!context.json) report(findings, Strictness::usual);
    if (!examination->ok()) {
        if (context.json) print(document);
        return kWrong;
    }
    const auto compared = compare_with_in_force(options.catalog);
    if (!compared) return fail(context, compared.error());
    if (context.json) {
        document["diff"] = compared->document;
        print(document);
    } else {
        for (const auto& line : compared->lines) say(line);
    }
    return compared->gains ? kWrong : kOk;
}

int run(const Context& context, const Options& options) {
    const auto result = load(options);
    if (!result) return fail(context, result.error());
    const bool ok = result->examination.ok();
    const auto findings = without_silenced(result->examination.findings, result->examination.texts, apparmor::Coverage::some);
    if (context.json) {
        Json document = to_json(findings, Strictness::usual);
        document.update(counts(result->examination));
        document["remarks"] = result->remarks;
        document["published"] = ok ? Json(options.output) : Json();
        print(document);
        return ok ? kOk : kWrong;
    }
    report(findings, Strictness::usual);
    for (const auto& remark : result->remarks) complain("note: " + remark);
    if (ok) {
        say("In force: " + options.output + " (" + summary(result->examination) + ").");
    } else {
        complain("Nothing was changed.");
    }
    return ok ? kOk : kWrong;
}

}  // namespace

void add_load(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("load", "Check the catalog, load its AppArmor profiles, and put it in force");
    const auto options = std::make_shared<Options>();
    const auto catalog = command.option("--catalog", options->catalog, "Directory of the catalog files").type_name("DIR").shows_default();
    const auto output =
        command.option("--output", options->output, "Where the compiled catalog is published").type_name("FILE").shows_default();
    const auto trial =
        command.flag("--dry-run", options->dry_run, "Check the catalog, and tell what containers would gain and lose; nothing is changed");
    trial.excludes(output);
    const auto history = command.flag("--history", options->history, "Print the loads that are kept; nothing is changed");
    const auto rollback = command.option("--rollback", options->rollback, "Bring back what was in force N loads before (default: 1)")
                              .type_name("N")
                              .value_optional("1");
    for (const auto own : {catalog, output, trial}) own.excludes(history).excludes(rollback);
    history.excludes(rollback);
    command.callback([&context, options] {
        const auto task = options->history ? Task::nothing : options->dry_run ? Task::diff : Task::load;
        context.run(task, [&context, options] {
            if (options->history) return show_history(context);
            if (options->dry_run) return dry_run(context, *options);
            return options->rollback ? roll_back(context, *options->rollback) : run(context, *options);
        });
    });
}

}  // namespace aa::ctl
