// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl query: whether a label allows something, for all paths and peers that it covers. Nothing is changed.
#include <algorithm>
#include <memory>

#include "apparmor/algebra/spelling.h"
#include "apparmor/source/thing.h"
#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/policy/blame.h"
#include "ctl/policy/opened.h"

namespace aa::ctl {

namespace {

using apparmor::Answer;
using apparmor::Thing;
using apparmor::Verdict;

struct Options {
    std::string label;
    std::vector<std::string> things;
    std::vector<std::string> profiles;  // files or directories of them; empty: the policy in force
};

struct Asked {
    Thing thing;
    Answer answer;
    std::vector<Blamed> rules;  // where the source is known
};

std::string verdict_text(const Asked& asked, std::string_view label) {
    switch (asked.answer.verdict) {
        case Verdict::allowed:
            return "allowed";
        case Verdict::denied:
            return "denied";
        case Verdict::partly:
            return concat({"partly: allowed, for example, ", quote(asked.answer.allowed.front().example), "; denied ",
                           quote(asked.answer.denied.front().example)});
        case Verdict::unmediated:
            return concat({"allowed: the policy of ", quote(label), " does not mediate ", apparmor::class_name(asked.thing.mediation_class),
                           " (the parser or the kernel cannot, or the abi switches it off)"});
        case Verdict::complains:
            return concat({"allowed: ", quote(label),
                           " complains instead of denying; what its rules deny by that word stays denied, and is not looked at"});
        case Verdict::unasked:
            return concat({"cannot be asked: this parser has no rule about ", apparmor::class_name(asked.thing.mediation_class),
                           " for the features at hand, and the policy has"});
        case Verdict::unproved:
            return concat({"not proved: the policy is too large for one question: ", asked.answer.bound});
    }
    return {};
}

struct Answers {
    std::vector<Asked> all;
    std::vector<std::string> broken;  // files that were not asked, and why
};

Result<Answers> answers(const Options& options) {
    const apparmor::Kernel kernel;
    const auto opened = TRY(open_policy(options.profiles, kernel));
    auto things = TRY(apparmor::compile_things(TRY(apparmor::Parser::find()), options.things, options.label, opened.features));
    const auto alone = rules_of_label(*opened.policy, options.label, opened.files, opened.features, opened.includes);
    Answers result{{}, opened.broken};
    for (auto& thing : things) {
        apparmor::Budget budget;
        auto answer = TRY(apparmor::ask(thing, *opened.policy, options.label, budget));
        // Which rules they are is more than was asked: that it cannot be told is no error.
        auto rules = alone ? rules_about(thing, *alone) : Result<std::vector<Blamed>>(std::vector<Blamed>());
        result.all.push_back({std::move(thing), std::move(answer), rules ? *std::move(rules) : std::vector<Blamed>()});
    }
    return result;
}

Json to_json(const Asked& asked) {
    const auto examples = [](const std::vector<apparmor::Allowance>& allowances) {
        Json list = Json::array();
        for (const auto& allowance : allowances) list.push_back({{"rule", allowance.rule}, {"example", allowance.example}});
        return list;
    };
    Json rules = Json::array();
    for (const auto& blamed : asked.rules) {
        rules.push_back({{"file", blamed.rule.origin.file},
                         {"line", blamed.rule.origin.line},
                         {"column", blamed.rule.origin.column},
                         {"rule", blamed.rule.text},
                         {"denies", blamed.denies}});
    }
    return {{"thing", asked.thing.text},
            {"verdict", apparmor::verdict_name(asked.answer.verdict)},
            {"allowed", examples(asked.answer.allowed)},
            {"denied", examples(asked.answer.denied)},
            {"rules", rules}};
}

int query(const Context& context, const Options& options) {
    const auto answered = answers(options);
    if (!answered) {
        const int code = fail(context, answered.error());
        return code == kWrong ? kUsage : code;  // 1 is an answer
    }
    const auto& asked = answered->all;
    const bool all = std::all_of(asked.begin(), asked.end(), [](const Asked& one) {
        return one.answer.verdict == Verdict::allowed || one.answer.verdict == Verdict::unmediated ||
               one.answer.verdict == Verdict::complains;
    });
    const int code = complain_of_broken(context, answered->broken) ? kUsage : all ? kOk : kWrong;
    if (context.json) {
        Json list = Json::array();
        for (const auto& one : asked) list.push_back(to_json(one));
        print({{"ok", code == kOk}, {"label", options.label}, {"answers", list}, {"broken", answered->broken}});
        return code;
    }
    for (const auto& one : asked) {
        say(concat({apparmor::shown(one.thing.text), ": ", verdict_text(one, options.label)}));
        for (const auto& blamed : one.rules) {
            say(concat({"  ", apparmor::shown(blamed.rule.origin.text()), ": ", apparmor::shown(blamed.rule.text),
                        blamed.denies ? " (denies)" : ""}));
        }
    }
    return code;
}

}  // namespace

void add_query(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("query", "Whether a label allows something, by which rule");
    const auto options = std::make_shared<Options>();
    command.option("LABEL", options->label, "The label: a profile, a child (A//B), a stack (A//&B)").required();
    command.option("THING", options->things, "\"r /etc/shadow\", \"x /bin/*\", \"network inet raw\", \"capability chown\", …").required();
    command.option("--profiles", options->profiles, "Profile files, or directories of them, instead of the policy in force")
        .type_name("PATH")
        .repeatable();
    command.callback([&context, options] { context.run(Task::query, [&context, options] { return query(context, *options); }); });
}

}  // namespace aa::ctl
