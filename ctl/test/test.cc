// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl test: does the catalog decide, and do its profiles allow, what their operator expects? By files alone: it is the same on every
// host. Nothing is changed.
#include <algorithm>
#include <memory>

#include "apparmor/load.h"
#include "apparmor/source/parser_process.h"
#include "base/text.h"
#include "ctl/catalog/examine.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/explain/explain.h"
#include "ctl/explain/policy.h"
#include "ctl/test/cases.h"
#include "ctl/test/decisions.h"
#include "ctl/test/formats.h"
#include "ctl/test/profiles.h"

namespace aa::ctl {

namespace {

using test::Case;

constexpr WhatFiles kTests{"policy test", "/usr/share/aa-shim/tests"};

struct Options {
    std::vector<std::string> paths;
    std::vector<std::string> catalog;  // empty: the installed one
    std::string profiles;              // empty: not given
    std::string filter;
    test::Format format = test::Format::text;
};

// What is wrong with the files of the tests themselves.
int fail(const Context& context, const std::vector<apparmor::Complaint>& errors) {
    if (context.json) {
        Json list = Json::array();
        for (const auto& [origin, problem, code] : errors)
            list.push_back({{"file", origin.file}, {"line", origin.line}, {"column", origin.column}, {"problem", problem}});
        print({{"ok", false}, {"errors", std::move(list)}});
    } else {
        for (const auto& error : errors) complain(error.text());
    }
    return kWrong;
}

bool asks_the_catalog(const std::vector<Case>& cases) {
    return std::any_of(cases.begin(), cases.end(), [](const Case& one) { return !std::holds_alternative<test::ProfileCase>(one.what); });
}

// The catalog that CASES are about: the one given, or the installed one, which need not be there if only profiles are tested.
Result<std::optional<OpenCatalog>> catalog_for(const Options& options, const std::vector<Case>& cases) {
    if (!options.catalog.empty()) return std::optional(TRY(open_catalog(options.catalog)));
    const std::string installed(apparmor::kCatalogDirectory);
    auto catalog = open_catalog({installed});
    if (catalog) return std::optional(*std::move(catalog));
    const bool is_there = read_catalog_files({installed}, Trust::not_required).has_value();
    if (is_there || asks_the_catalog(cases)) return std::move(catalog).error();
    return std::optional<OpenCatalog>();
}

std::vector<std::string> profile_directories(const Options& options, const std::optional<OpenCatalog>& catalog) {
    apparmor::LoadSettings settings;
    if (!options.profiles.empty()) settings.directories.front() = options.profiles;
    return apparmor::profile_directories(catalog ? catalog->profile_dirs : std::vector<std::string>(), settings);
}

void show(const Context& context, const Options& options, const std::vector<test::Answered>& results) {
    const auto put = [](const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); };
    switch (context.json && options.format == test::Format::text ? test::Format::json : options.format) {
        case test::Format::text:
            return put(test::to_text(results));
        case test::Format::json:
            return print(test::to_json(results));
        case test::Format::github:
            return put(test::to_github(results));
        case test::Format::junit:
            return put(test::to_junit(results));
    }
}

int answer(const Context& context, const Options& options, const std::vector<Case>& cases) {
    const auto catalog = catalog_for(options, cases);
    if (!catalog) return fail(context, catalog.error());
    const auto parser = apparmor::Parser::find();
    if (!parser) return fail(context, parser.error());
    const auto features = apparmor::packaged_features();
    if (!features) return fail(context, features.error());
    ExplainedPolicy policy(profile_directories(options, *catalog));
    test::ProfileAnswers profiles(policy, *parser, *features);
    if (const auto errors = profiles.prepare(cases); !errors.empty()) return fail(context, errors);
    std::vector<test::Answered> results;
    for (const auto& one : cases) {
        auto outcome = std::visit(
            [&](const auto& what) {
                if constexpr (std::is_same_v<std::decay_t<decltype(what)>, test::ProfileCase>)
                    return profiles.answer(what);
                else
                    return test::answer(what, (*catalog)->catalog, policy);
            },
            one.what);
        results.push_back({&one, std::move(outcome)});
    }
    show(context, options, results);
    return test::failures(results) == 0 ? kOk : kWrong;
}

int run(const Context& context, const Options& options) {
    const auto sources = read_catalog_files(options.paths, Trust::not_required, kTests);
    if (!sources) return fail(context, sources.error());
    auto reading = test::read_cases(*sources);
    if (!reading.errors.empty()) return fail(context, reading.errors);
    std::erase_if(reading.cases, [&](const Case& one) { return one.name.find(options.filter) == std::string::npos; });
    if (reading.cases.empty())
        return fail(context, Error{ErrorKind::usage, concat({"no case has ", quote(options.filter), " in its name"})});
    return answer(context, options, reading.cases);
}

}  // namespace

void add_test(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("test", "Test that a catalog and its profiles do what is expected of them; nothing is changed");
    const auto options = std::make_shared<Options>();
    command.option("FILE", options->paths, "Files of policy tests, or directories of them").required();
    command.option("--catalog", options->catalog, "Catalog files, or directories of them (default: /etc/aa-shim/catalog.d)")
        .type_name("PATH")
        .repeatable();
    command
        .option("--profiles", options->profiles,
                "Directory of profiles that comes before /etc/apparmor.d (default: /etc/aa-shim/apparmor.d)")
        .type_name("DIR");
    command.option("--filter", options->filter, "Only cases that have TEXT in their name").type_name("TEXT");
    command
        .choice<test::Format>(
            "--format", options->format,
            {{"text", test::Format::text}, {"json", test::Format::json}, {"github", test::Format::github}, {"junit", test::Format::junit}},
            "text (default), json, github or junit")
        .type_name("FORMAT");
    command.callback([&context, options] { context.run(Task::test, [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
