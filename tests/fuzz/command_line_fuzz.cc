// SPDX-License-Identifier: Apache-2.0
//
// Arguments: the first byte chooses the runtime, then one token per line. What is accepted names a container, and changing
// it twice gives what changing it once gives, with the new values and the same container.
#include <cstdlib>
#include <sstream>

#include "oci/command_line/change.h"

using namespace aa::oci;

static void require(bool holds) {
    if (!holds) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size == 0) return 0;
    const RuntimeKind kind = data[0] % 2 == 0 ? RuntimeKind::runc : RuntimeKind::crun;
    std::istringstream text(std::string(data + 1, data + size));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line.substr(0, line.find('\0')));
    std::vector<const char*> tokens;
    for (const std::string& line : lines) tokens.push_back(line.c_str());

    const auto line = parse_command_line(tokens, kind);
    const CommandLine guess = guess_command_line(tokens, kind);
    if (!line) require(guess.command != Command::pass_through && !line.error().message.empty());
    if (!line || line->command == Command::pass_through) return 0;
    require(!line->id.empty() && guess.command == line->command && guess.root == line->root);

    const ArgumentChanges changes{{}, "a", true, aa::CapabilitySet(1), "apparmor:a", "r"};
    std::vector<std::string> storage;
    const auto once = change_arguments(*line, changes, storage);
    const auto changed = parse_command_line(once, kind);
    require(changed.has_value() && changed->command == line->command && changed->id == line->id && changed->words == line->words);
    if (line->command == Command::exec && !line->process_file) require(changed->apparmor == "a" && changed->no_new_privs == true);
    if (line->command == Command::restore) require(changed->lsm_profile == "apparmor:a");
    if (line->command == Command::update) require(changed->resources_file == "r");
    require(change_arguments(*changed, changes, storage) == once);
    return 0;
}
