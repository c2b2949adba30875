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

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/library.h"
#include "apparmor/lint.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/examine.h"
#include "ctl/catalog/runtime_features.h"
#include "ctl/cli/command.h"
#include "shim/host_key.h"
#include "shim/log/counters.h"

namespace aa::ctl {

namespace {

struct Options {
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

bool capabilities_only(const apparmor::Catalog& catalog) {
    return catalog.without_apparmor == apparmor::WithoutAppArmor::capabilities_only;
}

// The file beside the catalog at PATH that is called as the one at USUAL is.
std::string beside(const std::string& path, std::string_view usual) {
    return concat({path.substr(0, path.rfind('/') + 1), usual.substr(usual.rfind('/') + 1)});
}

// Has decisions counted beside the catalog at PATH. That they are not is no reason to refuse a catalog.
void count_from_now(const std::string& path, std::vector<std::string>& remarks) {
    const auto counters = beside(path, shim::kCountersPath);
    if (const auto made = shim::make_counters(counters); !made) remarks.push_back("decisions are not counted: " + made.error().message);
}

// Puts into CATALOG what the runtime in use says that it interprets. aa-shim knows the documented ones anyway, so a runtime that says
// nothing sensible is a remark.
void ask_runtime(apparmor::Catalog& catalog, std::vector<std::string>& remarks) {
    auto annotations = unsafe_annotations_of_runtime();
    if (annotations) {
        catalog.unsafe_annotations = *std::move(annotations);
    } else {
        remarks.push_back(annotations.error().message + "; only the documented ones are refused");
    }
}

// Loads the profiles and publishes the catalog; the profiles stay out where it is in order. The remarks are what the
// operator should know all the same.
Result<std::vector<std::string>> put_in_force(Examination& examination, const apparmor::Kernel& kernel,
                                              const apparmor::LoadSettings& settings, const std::string& path) {
    std::vector<std::string> remarks;
    ask_runtime(examination.catalog, remarks);
    TRY(shim::make_host_key(beside(path, shim::kHostKeyPath)));  // without it, no container can be started
    if (const auto enabled = kernel.require_enabled(); !enabled) {
        if (!capabilities_only(examination.catalog)) {
            return Error{enabled.error().kind,
                         enabled.error().message + "; or let the catalog say \"withoutAppArmor\": \"capabilities-only\""};
        }
        remarks.push_back("no profile is enforced: " + enabled.error().message + " (\"withoutAppArmor\": \"capabilities-only\")");
        for (const auto& confinement : examination.catalog.confinements) {
            if (confinement.start != apparmor::Start::from_profile) continue;
            remarks.push_back(concat({"confinement ", quote(confinement.name), " (", confinement.origin.text(),
                                      ") says \"start\": \"from-profile\", which does nothing without AppArmor"}));
        }
        TRY(apparmor::publish_catalog(examination.catalog, nullptr, path));
        count_from_now(path, remarks);
        return remarks;
    }
    TRY(apparmor::load_profiles(examination.catalog, examination.sources, kernel, settings));
    for (const auto& profile : TRY(apparmor::not_enforced(examination.catalog, kernel))) {
        remarks.push_back("profile " + profile + ": nothing that it forbids is refused");
    }
    const auto state = TRY(apparmor::evaluate_profiles(examination.catalog, kernel));
    if (!state.remark.empty()) remarks.push_back(state.remark);
    for (const auto& pitfall : apparmor::pitfalls(examination.catalog, *state.policy)) remarks.push_back(pitfall.text());
    TRY(apparmor::publish_catalog(examination.catalog, state.snapshot ? &*state.snapshot : nullptr, path));
    count_from_now(path, remarks);
    return remarks;
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
    Loaded result{TRY(examine({options.catalog}, Trust::required, Profiles::examine, kernel, settings)), {}};
    if (!result.examination.ok()) return result;
    result.remarks = TRY(put_in_force(result.examination, kernel, settings, options.output));
    return result;
}

int run(const Context& context, const Options& options) {
    const auto result = load(options);
    if (!result) return fail(context, result.error());
    const bool ok = result->examination.ok();
    if (context.json) {
        Json document = to_json(result->examination);
        document["remarks"] = result->remarks;
        document["published"] = ok ? Json(options.output) : Json();
        print(document);
        return ok ? kOk : kWrong;
    }
    report(result->examination);
    for (const auto& remark : result->remarks) complain("note: " + remark);
    if (ok) {
        say("In force: " + options.output + " (" + summary(result->examination) + ").");
    } else {
        complain("Nothing was changed.");
    }
    return ok ? kOk : kWrong;
}

}  // namespace

void add_load(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("load", "Check the catalog, load its AppArmor profiles, and put it in force");
    const auto options = std::make_shared<Options>();
    command->add_option("--catalog", options->catalog, "Directory of the catalog files")->type_name("DIR")->capture_default_str();
    command->add_option("--output", options->output, "Where the compiled catalog is published")->type_name("FILE")->capture_default_str();
    command->callback([&context, options] { context.run(Task::load, [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
