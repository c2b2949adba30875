// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl version: this program, and the parts of the host that decide what it can do.
#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/kernel/library.h"
#include "apparmor/source/parser_process.h"
#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

namespace {

std::string parser_version() {
    const auto parser = apparmor::Parser::find();
    if (!parser) return "missing";
    const auto run = parser->run({"--version"});
    if (!run || !run->ok() || run->output.empty()) return "unknown";
    const auto first = lines(run->output).front();
    return std::string(first.substr(first.rfind(' ') + 1));
}

int version(const Context& context) {
    const apparmor::Kernel kernel;
    auto enabled = kernel.require_enabled();
    if (auto agreed = apparmor::library_agrees(kernel); !agreed) enabled = std::move(agreed);
    const auto catalog = apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath));
    const Json document = {{"aa-shim", AA_VERSION},
                           {"apparmor_parser", parser_version()},
                           {"kernel", enabled ? "AppArmor is on" : enabled.error().message},
                           {"catalog", catalog ? "in force" : catalog.error().message}};
    if (context.json) {
        print(document);
        return kOk;
    }
    for (const auto& [key, value] : document.items()) say(key + " " + value.get<std::string>());
    return kOk;
}

}  // namespace

void add_version(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("version", "Print the versions of aa-shim and of what it relies on");
    command.callback([&context] { context.run(Task::version, [&context] { return version(context); }); });
}

}  // namespace aa::ctl
