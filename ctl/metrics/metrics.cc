// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl metrics: what aa-shim decided on this host, and the catalog in force, in Prometheus's text format (its
// "Exposition formats") for the textfile collector of node_exporter, or for whatever reads it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "apparmor/kernel/kernel.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/catalog/in_force.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/status/survey.h"
#include "ctl/twin/twin.h"
#include "shim/log/counters.h"

namespace aa::ctl {

namespace {

struct Options {
    std::string output;       // empty: standard output
    bool containers = false;  // look at all of them, too
};

struct Metrics {
    bool apparmor = false;
    std::optional<shim::CounterValues> counters;  // nullopt: nothing is counted
    std::optional<CatalogInForce> catalog;        // nullopt: there is none that can be used
    std::optional<std::vector<Twin>> twins;       // nullopt: the kernel could not be asked
    std::optional<status::Survey> survey;         // nullopt: the containers were not looked at
    std::vector<std::string> remarks;             // why something is missing
};

// ---- what there is

template <class T>
std::optional<T> or_remark(Result<T> value, std::vector<std::string>& remarks) {
    if (value) return *std::move(value);
    remarks.push_back(value.error().message);
    return std::nullopt;
}

Metrics collect(const Options& options) {
    Metrics metrics;
    metrics.apparmor = apparmor::Kernel().require_enabled().has_value();
    metrics.counters = or_remark(shim::read_counters(std::string(shim::kCountersPath)), metrics.remarks);
    metrics.catalog = or_remark(read_catalog_in_force(), metrics.remarks);
    if (metrics.apparmor) metrics.twins = or_remark(find_twins(apparmor::Kernel()), metrics.remarks);
    if (options.containers) metrics.survey = or_remark(status::take_survey({}), metrics.remarks);
    return metrics;
}

// ---- names for the counters

struct Labelled {
    shim::Counter counter;
    const char* first;
    const char* second;  // nullptr: there is one label
};
constexpr std::array<Labelled, 8> kDecisions{{
    {shim::Counter::create_allowed, "create", "allowed"},
    {shim::Counter::create_refused, "create", "refused"},
    {shim::Counter::run_allowed, "run", "allowed"},
    {shim::Counter::run_refused, "run", "refused"},
    {shim::Counter::restore_allowed, "restore", "allowed"},
    {shim::Counter::restore_refused, "restore", "refused"},
    {shim::Counter::exec_allowed, "exec", "allowed"},
    {shim::Counter::exec_refused, "exec", "refused"},
}};
constexpr std::array<Labelled, 5> kRefusals{{
    {shim::Counter::refused_policy, "policy", nullptr},
    {shim::Counter::refused_catalog, "catalog", nullptr},
    {shim::Counter::refused_profile, "profile", nullptr},
    {shim::Counter::refused_config, "config", nullptr},
    {shim::Counter::refused_system, "system", nullptr},
}};
constexpr std::array<Labelled, 2> kPassed{{
    {shim::Counter::passed_sandboxes, "sandbox", nullptr},
    {shim::Counter::passed_containers, "container", nullptr},
}};
constexpr std::array<Labelled, 4> kFound{{
    {shim::Counter::found_processes, "process", nullptr},
    {shim::Counter::found_containers, "container", nullptr},
    {shim::Counter::found_profiles, "profile", nullptr},
    {shim::Counter::found_host, "host", nullptr},
}};

std::uint64_t value_of(const shim::CounterValues& values, shim::Counter counter) { return values[static_cast<std::size_t>(counter)]; }

// ---- text

// One family after the other. No value of a label holds a character that the format escapes.
class Exposition {
public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = concat({"aa_shim_", name});
        text_ += concat({"# HELP ", name_, " ", help, "\n# TYPE ", name_, " ", type, "\n"});
    }
    void sample(std::string_view labels, std::uint64_t value) {
        text_ += concat({name_, labels.empty() ? "" : "{", labels, labels.empty() ? "" : "}", " ", std::to_string(value), "\n"});
    }
    void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
        family(name, "gauge", help);
        sample("", value);
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string name_;
    std::string text_;
};

std::string label(std::string_view name, std::string_view value) { return concat({name, "=\"", value, "\""}); }

void write_counters(Exposition& out, const shim::CounterValues& values) {
    out.family("decisions_total", "counter", "Decisions since the host was started, by runtime command and outcome.");
    for (const auto& row : kDecisions) {
        out.sample(concat({label("command", row.first), ",", label("outcome", row.second)}), value_of(values, row.counter));
    }
    out.family("refusals_total", "counter", "Refused decisions, by reason.");
    for (const auto& row : kRefusals) out.sample(label("reason", row.first), value_of(values, row.counter));
    out.family("passed_total", "counter", "Allowed containers that were left as their engine made them.");
    for (const auto& row : kPassed) out.sample(label("kind", row.first), value_of(values, row.counter));
    out.family("mismatches_total", "counter", "Containers that were ended because the kernel did not show what was decided.");
    out.sample("", value_of(values, shim::Counter::mismatches));
    out.family("watch_findings_total", "counter", "What aa-shimctl watch found that is not as decided, by kind.");
    for (const auto& row : kFound) out.sample(label("kind", row.first), value_of(values, row.counter));
    out.family("watch_killed_total", "counter", "Processes that aa-shimctl watch --kill killed.");
    out.sample("", value_of(values, shim::Counter::killed_processes));
}

void write_catalog(Exposition& out, const CatalogInForce& catalog) {
    out.family("catalog_info", "gauge", "The catalog in force.");
    out.sample(label("hash", catalog.hash), 1);
    out.gauge("catalog_loaded_timestamp_seconds", "When the catalog in force was loaded, in seconds since the epoch.",
              static_cast<std::uint64_t>(catalog.loaded));
    out.gauge("catalog_rules", "Rules of the catalog in force.", catalog.size.rules);
    out.gauge("catalog_confinements", "Confinements of the catalog in force.", catalog.size.confinements);
}

std::uint64_t count_of(const status::Survey& survey, status::Standing standing) {
    const auto stands_so = [standing](const status::ContainerReport& report) { return report.standing == standing; };
    return static_cast<std::uint64_t>(std::count_if(survey.containers.begin(), survey.containers.end(), stands_so));
}

void write_containers(Exposition& out, const status::Survey& survey) {
    out.family("containers", "gauge", "Running containers, by how they stand to what was decided.");
    for (const auto standing : status::kStandings) out.sample(label("standing", status::name_of(standing)), count_of(survey, standing));
    out.gauge("status_ok", "Whether aa-shimctl status finds nothing wrong.", survey.ok() ? 1 : 0);
}

struct Learning {
    bool goes_on = false, complains = false;
};

// By confinement, whose names are those of files: one has a twin that was left to enforce, and is learned from in place.
std::map<std::string, Learning> learning_of(const std::vector<Twin>& twins) {
    std::map<std::string, Learning> result;
    for (const auto& twin : twins) {
        auto& one = result[twin.confinement];
        one = {one.goes_on || twin.is_learned, one.complains || twin.complains};
    }
    return result;
}

void write_twins(Exposition& out, const std::vector<Twin>& twins) {
    const auto all = learning_of(twins);
    out.family("learning", "gauge", "Whether a confinement is learned from, so that its containers are forbidden next to nothing.");
    for (const auto& [confinement, one] : all) out.sample(label("confinement", confinement), one.goes_on ? 1 : 0);
    out.family("twin_complains", "gauge",
               "Whether what containers of a confinement were learned from under forbids next to nothing still.");
    for (const auto& [confinement, one] : all) out.sample(label("confinement", confinement), one.complains ? 1 : 0);
}

std::string to_text(const Metrics& metrics) {
    Exposition out;
    out.family("build_info", "gauge", "The version of aa-shim.");
    out.sample(label("version", AA_VERSION), 1);
    out.gauge("apparmor_enabled", "Whether AppArmor is on and can be reached.", metrics.apparmor ? 1 : 0);
    out.gauge("catalog_usable", "Whether there is a compiled catalog that can be used; without one containers are refused.",
              metrics.catalog ? 1 : 0);
    if (metrics.catalog) write_catalog(out, *metrics.catalog);
    out.gauge("counters_usable", "Whether decisions are counted.", metrics.counters ? 1 : 0);
    if (metrics.counters) write_counters(out, *metrics.counters);
    if (metrics.twins) write_twins(out, *metrics.twins);
    if (metrics.survey) write_containers(out, *metrics.survey);
    return out.text();
}

// ---- JSON

Json counters_json(const shim::CounterValues& values) {
    Json decisions = Json::object();
    for (const auto& row : kDecisions) decisions[row.first][row.second] = value_of(values, row.counter);
    Json refusals = Json::object();
    for (const auto& row : kRefusals) refusals[row.first] = value_of(values, row.counter);
    Json passed = Json::object();
    for (const auto& row : kPassed) passed[row.first] = value_of(values, row.counter);
    Json found = Json::object();
    for (const auto& row : kFound) found[row.first] = value_of(values, row.counter);
    return {{"decisions", decisions}, {"refusals", refusals},
            {"passed", passed},       {"mismatches", value_of(values, shim::Counter::mismatches)},
            {"found", found},         {"killed", value_of(values, shim::Counter::killed_processes)}};
}

Json containers_json(const status::Survey& survey) {
    Json document = Json::object();
    for (const auto standing : status::kStandings) document[status::name_of(standing)] = count_of(survey, standing);
    return {{"ok", survey.ok()}, {"standing", document}};
}

Json to_json(const Metrics& metrics) {
    Json document = {{"ok", true}, {"version", AA_VERSION}, {"apparmor", metrics.apparmor}, {"catalog", nullptr}, {"counters", nullptr}};
    if (const auto& catalog = metrics.catalog) {
        document["catalog"] = {{"hash", catalog->hash},
                               {"loaded", catalog->loaded},
                               {"rules", catalog->size.rules},
                               {"confinements", catalog->size.confinements}};
    }
    document["learning"] = Json();
    if (metrics.twins) document["learning"] = Json::object();
    for (const auto& [confinement, one] : learning_of(metrics.twins.value_or(std::vector<Twin>()))) {
        document["learning"][confinement] = {{"learning", one.goes_on}, {"complains", one.complains}};
    }
    if (metrics.counters) document["counters"] = counters_json(*metrics.counters);
    document["containers"] = metrics.survey ? containers_json(*metrics.survey) : Json();
    document["remarks"] = metrics.remarks;
    return document;
}

// ---- the command

// Whoever collects it finds the old file or the complete new one.
Result<void> store(const std::string& path, const std::string& text) {
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.empty()) return Error{ErrorKind::usage, concat({"--output ", quote(path), " names no file"})};
    const Fd at = TRY(open_file(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY));
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return replace_file(at.get(), name, {&piece, 1}, ::geteuid(), ::getegid(), 0644)
        .context(concat({"write the metrics to ", quote(path)}));
}

Task task_of(const Options& options) {
    if (options.containers) return options.output.empty() ? Task::metrics_containers : Task::metrics_containers_file;
    return options.output.empty() ? Task::metrics : Task::metrics_file;
}

int run(const Context& context, const Options& options) {
    const auto metrics = collect(options);
    if (!options.output.empty()) {
        if (const auto stored = store(options.output, to_text(metrics)); !stored) return fail(context, stored.error());
    }
    if (context.json) {
        print(to_json(metrics));
        return kOk;
    }
    for (const auto& remark : metrics.remarks) complain("note: " + remark);
    if (options.output.empty()) (void)std::fputs(to_text(metrics).c_str(), stdout);
    return kOk;
}

}  // namespace

void add_metrics(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("metrics", "Print what was decided on this host in Prometheus's text format");
    const auto options = std::make_shared<Options>();
    command.option("--output", options->output, "Write to this file, which is replaced in one step");
    command.flag("--containers", options->containers, "Look at every running container, too, as status does");
    command.callback([&context, options] { context.run(task_of(*options), [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
