// SPDX-License-Identifier: Apache-2.0
//
// Prints the program that a container will execute as a JSON object: its "path", or "unknown" or "missing" and the error's message.
//
// usage: program_dump create BUNDLE                         before the container exists
//        program_dump exec PID PROCESS_FILE kernel|walk     in the running container whose init is PID
#include <fcntl.h>

#include <cstdio>
#include <string_view>

#include "base/file.h"
#include "base/text.h"
#include "oci/bundle/bundle.h"
#include "oci/path/container_path.h"

namespace {

using namespace aa;

Result<std::string> at_create(const char* directory) {
    const auto bundle = TRY(oci::Bundle::open(directory));
    const auto config = TRY(oci::read_config(bundle.text()));
    const auto root = TRY(oci::ContainerRoot::of_bundle(directory, config.root_path, config.mounts, TRY(config.id_maps())));
    return root.resolve_program(config.process.args.at(0), config.process);
}

Result<std::string> at_exec(pid_t pid, const char* process, oci::Resolver resolver) {
    const auto text = TRY(read_file_at(AT_FDCWD, process, oci::kMaxConfigBytes));
    oci::json::Reader reader(text.text());
    const auto spec = oci::read_process_spec(reader);
    TRY(reader.finish());
    const auto root = TRY(oci::ContainerRoot::of_process(pid, TRY(oci::IdMaps::of_process(pid)), resolver));
    return root.resolve_program(spec.args.at(0), spec);
}

}  // namespace

int main(int argc, char** argv) {
    const bool create = argc == 3 && std::string_view(argv[1]) == "create";
    if (!create && argc != 5) return 64;
    unsigned long long pid = 0;
    if (!create && !parse_decimal(argv[2], pid)) return 64;
    const auto resolver = !create && std::string_view(argv[4]) == "walk" ? oci::Resolver::walk : oci::Resolver::kernel;
    const auto path = create ? at_create(argv[2]) : at_exec(static_cast<pid_t>(pid), argv[3], resolver);
    const bool sure = path || path.error().kind == ErrorKind::not_found || path.error().kind == ErrorKind::denied;
    const char* key = path ? "path" : sure ? "missing" : "unknown";
    (void)std::printf("{\"%s\":\"%s\"}\n", key, json_escape(path ? *path : path.error().message).c_str());
    return 0;
}
