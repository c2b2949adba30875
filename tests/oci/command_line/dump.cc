// SPDX-License-Identifier: Apache-2.0
//
// Prints what the command line means to us, one `key=value` a line, for tests that compare it with a runtime.
//   command_line_dump runc|crun ARGUMENT…
#include <cstdio>
#include <cstring>
#include <string>

#include "oci/command_line/command_line.h"

namespace {

void print(const char* key, std::string_view value) { std::printf("%s=%.*s\n", key, static_cast<int>(value.size()), value.data()); }

const char* name_of(aa::oci::Command command) {
    switch (command) {
        case aa::oci::Command::pass_through:
            return "pass_through";
        case aa::oci::Command::create:
            return "create";
        case aa::oci::Command::run:
            return "run";
        case aa::oci::Command::restore:
            return "restore";
        case aa::oci::Command::exec:
            return "exec";
        case aa::oci::Command::update:
            return "update";
    }
    return "?";
}

}  // namespace

int main(int count, char** tokens) {
    if (count < 2) return 2;
    const auto kind = std::strcmp(tokens[1], "crun") == 0 ? aa::oci::RuntimeKind::crun : aa::oci::RuntimeKind::runc;
    const auto line = aa::oci::parse_command_line({tokens + 2, tokens + count}, kind);
    if (!line) {
        print("refused", line.error().message);
        return 0;
    }
    print("command", name_of(line->command));
    print("id", line->id);
    print("root", line->root);
    print("log", line->log);
    print("bundle", line->bundle);
    print("config", line->config_file);
    print("log-format", line->log_format);
    print("lsm-profile", line->lsm_profile.value_or(""));
    if (line->process_file) print("process", *line->process_file);
    if (line->resources_file) print("resources", *line->resources_file);
    print("apparmor", line->apparmor.value_or(""));
    print("cwd", line->cwd.value_or(""));
    print("user", line->user.value_or(""));
    print("no-new-privs", line->no_new_privs.value_or(false) ? "true" : "false");
    print("detach", line->detach ? "true" : "false");
    print("preserve-fds", std::to_string(line->preserve_fds));
    for (const std::string_view value : line->env) print("env", value);
    for (const std::string_view value : line->caps) print("cap", value);
    for (const std::string_view word : line->words) print("word", word);
    return 0;
}
