// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "ctl/cli/command.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

namespace {

struct KindName {
    ErrorKind kind;
    const char* name;
    ExitCode code;
};
constexpr KindName kKinds[] = {
    {ErrorKind::usage, "usage", kUsage},    {ErrorKind::config, "config", kWrong}, {ErrorKind::not_found, "not-found", kSystem},
    {ErrorKind::system, "system", kSystem}, {ErrorKind::denied, "denied", kWrong}, {ErrorKind::bug, "bug", kSystem},
};

const KindName& kind_of(const Error& error) {
    for (const auto& known : kKinds) {
        if (known.kind == error.kind) return known;
    }
    return kKinds[5];
}

void print_line(std::FILE* file, const std::string& text) {
    (void)std::fwrite(text.data(), 1, text.size(), file);
    (void)std::fputc('\n', file);
}

}  // namespace

int exit_code(const Error& error) { return kind_of(error).code; }

int fail(const Context& context, const Error& error) {
    if (context.json) {
        print({{"ok", false}, {"error", {{"kind", kind_of(error).name}, {"message", error.message}}}});
    } else {
        complain("aa-shimctl: " + error.message);
    }
    return exit_code(error);
}

void print(const Json& document) { say(document.dump(2, ' ', false, Json::error_handler_t::replace)); }
void say(const std::string& text) { print_line(stdout, text); }
void complain(const std::string& text) {
    (void)std::fflush(stdout);  // what was said before comes first, wherever both lead
    print_line(stderr, text);
}

}  // namespace aa::ctl
