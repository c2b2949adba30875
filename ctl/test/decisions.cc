// SPDX-License-Identifier: Apache-2.0
#include "ctl/test/decisions.h"

#include <algorithm>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "ctl/explain/container_explanation.h"
#include "ctl/explain/given.h"
#include "shim/exec_decision.h"
#include "shim/program.h"

namespace aa::ctl::test {

namespace {

constexpr auto kAvailable = shim::AppArmorState::available;

std::string ceiling_text(const std::optional<CapabilitySet>& ceiling) {
    if (!ceiling) return "ceiling all";
    return ceiling->empty() ? std::string("ceiling none") : concat({"ceiling ", ceiling->names()});
}

std::string privileges_text(bool set) { return set ? "noNewPrivileges" : "no noNewPrivileges"; }

// All of EXPECTED in words.
std::string text_of(const Expected& expected) {
    std::vector<std::string> parts;
    const auto add = [&](std::string_view name, const std::optional<std::string>& value) {
        if (value) parts.push_back(concat({name, " ", quote(*value)}));
    };
    add("a refusal with", expected.refused);
    if (expected.pass) parts.emplace_back("left as its engine made it");
    add("confinement", expected.confinement);
    add("rule", expected.rule);
    add("label", expected.label);
    add("base", expected.base);
    if (expected.ceiling) parts.push_back(ceiling_text(*expected.ceiling));
    if (expected.no_new_privileges) parts.push_back(privileges_text(*expected.no_new_privileges));
    return join(parts, ", ");
}

// Whether PLACE holds PART, and no longer name or number than that.
bool holds_part(std::string_view place, std::string_view part) {
    const auto goes_on = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    };
    for (std::size_t at = place.find(part); at != std::string_view::npos; at = place.find(part, at + 1)) {
        const std::size_t end = at + part.size();
        if ((at == 0 || !goes_on(place[at - 1])) && (end == place.size() || !goes_on(place[end]))) return true;
    }
    return false;
}

// What differs, so far.
class Differences {
public:
    void add(std::string expected, std::string got) {
        expected_.push_back(std::move(expected));
        got_.push_back(std::move(got));
    }

    // Where NAME must be EXPECTED, and is GOT, which is the SAME or not.
    void check(std::string_view name, const std::optional<std::string>& expected, std::string_view got, bool same) {
        if (expected && !same) add(concat({name, " ", quote(*expected)}), concat({name, " ", quote(got)}));
    }
    void check_label(std::string_view name, const std::optional<std::string>& expected, const std::string& got) {
        check(name, expected, got, expected && apparmor::same_label(*expected, got));
    }

    [[nodiscard]] Outcome outcome(std::string why) const {
        if (expected_.empty()) return {true, {}, {}, {}, {}};
        return {false, join(expected_, ", "), join(got_, ", "), std::move(why), {}};
    }

private:
    std::vector<std::string> expected_;
    std::vector<std::string> got_;
};

// Of a decision that is an error: a refusal, expected or not, or nothing that can be told.
Outcome refused(const Expected& expected, const Error& error) {
    if (error.kind != ErrorKind::denied) return untold(text_of(expected), error);
    if (expected.refused && error.message.find(*expected.refused) != std::string::npos) return {true, {}, {}, {}, {}};
    return {false, text_of(expected), "a refusal", error.message, {}};
}

std::string reasons_of(const shim::Decision& decision) {
    const auto text = join(decision.reasons, "; ");
    return text.starts_with(decision.rule) ? text : concat({decision.rule, text.empty() ? "" : "; ", text});
}

void compare(const Expected& expected, const Explanation& explanation, Differences& differences) {
    const auto& decision = explanation.decision;
    const auto& bounds = decision.bounds;
    differences.check("rule", expected.rule, decision.rule, expected.rule && holds_part(decision.rule, *expected.rule));
    differences.check("confinement", expected.confinement, decision.confinement, expected.confinement == decision.confinement);
    const auto base = bounds.profile.value_or("");
    differences.check_label("base", expected.base, base);
    if (expected.label && !explanation.start_note.empty()) {
        differences.add(concat({"label ", quote(*expected.label)}), concat({"a label that ", explanation.start_note}));
    } else {
        differences.check_label("label", expected.label, decision.start_label.value_or(base));
    }
    if (expected.ceiling && *expected.ceiling != bounds.ceiling)
        differences.add(ceiling_text(*expected.ceiling), ceiling_text(bounds.ceiling));
    if (expected.no_new_privileges && *expected.no_new_privileges != bounds.no_new_privileges)
        differences.add(privileges_text(*expected.no_new_privileges), privileges_text(bounds.no_new_privileges));
}

// -- commands

// What a command is started in.
struct Surroundings {
    apparmor::Confinement confinement;
    std::string base;
    CapabilitySet ceiling = CapabilitySet::all();
};

Result<Surroundings> surroundings_of(const CommandCase& wanted, const apparmor::CompiledCatalog& catalog, ExplainedPolicy& policy) {
    Surroundings result;
    if (!wanted.confinement.empty()) {
        result.confinement = TRY(catalog.confinement(wanted.confinement));
        result.base = TRY(shim::combine_labels(std::nullopt, result.confinement.profile, result.confinement.combine));
    } else {
        const auto container = explain_container(wanted.container, catalog, kAvailable, policy);
        // A refusal of the container is none of the command.
        if (!container) return Error{ErrorKind::config, concat({"the container itself is refused: ", container.error().message})};
        const auto& decision = container->decision;
        if (decision.pass)
            return Error{ErrorKind::config,
                         concat({decision.rule, " leaves the container, and what is started in it, as the engine wants it"})};
        result.confinement = *container->confinement;
        result.base = *decision.bounds.profile;
        result.ceiling = decision.bounds.ceiling.value_or(result.ceiling);
    }
    if (!wanted.base.empty()) result.base = wanted.base;
    return result;
}

// The program that the command means in the bundle.
Result<shim::Program> program_in_bundle(const CommandCase& wanted, CapabilitySet ceiling) {
    const auto bundle = TRY(oci::Bundle::open(wanted.container.bundle));
    const auto config = TRY(oci::read_config(bundle.text()).context(concat({"config.json of ", quote(wanted.container.bundle)})));
    ExplainOptions options;
    options.command = wanted.command;
    options.user = wanted.user;
    auto process = given_process(config, options);
    if (!wanted.cwd.empty()) process.cwd = wanted.cwd;
    shim::BundleRoot root(wanted.container.bundle, config);
    TRY(shim::check_working_directory(root, process.cwd));
    return shim::find_program(root, process, ceiling);
}

Result<shim::Program> program_of(const CommandCase& wanted, CapabilitySet ceiling) {
    if (!wanted.container.bundle.empty()) return program_in_bundle(wanted, ceiling);
    const auto& path = wanted.command.front();
    // Files of images are root's.
    return shim::Program{path, {path, wanted.owned.value_or(wanted.user.value_or(0) == 0), {}}};
}

// Asks POLICY, and remembers what it said of an exec.
class Asked : public apparmor::PolicyQuestions {
public:
    explicit Asked(ExplainedPolicy& policy) : policy_(policy) {}

    Result<apparmor::ExecOutcome> exec(std::string_view label, const apparmor::ExecFile& file) override {
        outcome_ = TRY(policy_.exec(label, file));
        return *outcome_;
    }
    Result<CapabilitySet> ceiling(std::string_view profile, CapabilitySet evaluated) override {
        return policy_.ceiling(profile, evaluated);
    }

    // The rules of the sources that decided about FILE.
    std::vector<Blamed> rules(const apparmor::ExecFile& file) {
        std::vector<Blamed> result;
        for (const auto& step : outcome_ ? outcome_->steps : std::vector<apparmor::ExecStep>()) {
            const auto found = policy_.rules(step.from, file);
            for (std::size_t i = 0; i < found.rules.size(); ++i) {
                if (found.decided[i]) result.push_back({found.rules[i].rule, found.rules[i].denies});
            }
        }
        return result;
    }

private:
    ExplainedPolicy& policy_;
    std::optional<apparmor::ExecOutcome> outcome_;
};

}  // namespace

Outcome answer(const ContainerCase& wanted, const apparmor::CompiledCatalog& catalog, ExplainedPolicy& policy) {
    const auto& expected = wanted.expected;
    const auto explanation = explain_container(wanted.container, catalog, kAvailable, policy);
    if (!explanation) return refused(expected, explanation.error());
    const auto& decision = explanation->decision;
    const auto got = decision.pass ? std::string("left as its engine made it") : concat({"confinement ", quote(decision.confinement)});
    if (expected.refused || decision.pass != expected.pass) return {false, text_of(expected), got, reasons_of(decision), {}};
    Differences differences;
    compare(expected, *explanation, differences);
    return differences.outcome(reasons_of(decision));
}

Outcome answer(const CommandCase& wanted, const apparmor::CompiledCatalog& catalog, ExplainedPolicy& policy) {
    const auto& expected = wanted.expected;
    const auto in = surroundings_of(wanted, catalog, policy);
    if (!in) return untold(text_of(expected), in.error());
    const auto program = program_of(wanted, in->ceiling);
    if (!program) return refused(expected, program.error());
    Asked asked(policy);
    std::vector<std::string> reasons;
    const auto label = shim::looks_at_program(in->confinement) ? shim::judge_exec(in->confinement, in->base, *program, asked, reasons)
                                                               : Result<std::string>(in->base);
    Outcome outcome;
    if (!label) {
        outcome = refused(expected, label.error());
    } else if (expected.refused) {
        outcome = {false, text_of(expected), concat({"label ", quote(*label)}), join(reasons, "; "), {}};
    } else {
        Differences differences;
        differences.check_label("label", expected.label, *label);
        outcome = differences.outcome(join(reasons, "; "));
    }
    if (!outcome.passed) outcome.rules = asked.rules(program->file);
    return outcome;
}

}  // namespace aa::ctl::test
