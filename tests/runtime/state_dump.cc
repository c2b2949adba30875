// SPDX-License-Identifier: Apache-2.0
//
// Prints what read_container_state() finds, as one JSON object with the members that the runtimes' `state` has too.
//
// usage: state_dump runc|crun ROOT ID
#include <cstdio>
#include <string>
#include <string_view>

#include "base/text.h"
#include "oci/state/state.h"

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const auto kind = std::string_view(argv[1]) == "crun" ? aa::oci::RuntimeKind::crun : aa::oci::RuntimeKind::runc;
    const auto state = aa::oci::read_container_state(argv[2], argv[3], kind);
    if (!state) {
        (void)std::fprintf(stderr, "%s\n", state.error().message.c_str());
        return 1;
    }
    std::string out =
        aa::concat({"{\"pid\":", aa::decimal(state->init_pid), ",\"bundle\":\"", aa::json_escape(state->bundle), "\",\"annotations\":{"});
    std::string_view separator;
    for (const auto& [key, value] : state->annotations) {
        out += aa::concat({separator, "\"", aa::json_escape(key), "\":\"", aa::json_escape(value), "\""});
        separator = ",";
    }
    (void)std::printf("%s}}\n", out.c_str());
    return 0;
}
