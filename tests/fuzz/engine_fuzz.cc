// SPDX-License-Identifier: Apache-2.0
//
// The records of engines, each as a file: whatever they hold, the facts are of the container asked for or there are none.
// The first byte chooses the record.
#include <cstdlib>
#include <string>

#include "oci/engine/engine.h"
#include "oci/engine/image_reference.h"
#include "oci/engine/path_tail.h"
#include "tests/oci/trusted_directory.h"

namespace {

using namespace aa::oci;

void require(bool holds) {
    if (!holds) std::abort();
}

void read(const test::TrustedDirectory& directory, Engine engine, const char* root_path, const std::string& labels) {
    Config config;
    config.root_path = directory.path() + root_path;
    config.annotations.push_back({"io.kubernetes.cri-o.Labels", labels, {}});
    const std::string bundle = directory.path() + "/overlay-containers/x1/userdata";
    const auto facts = read_engine_facts(engine, {"/run/crun", bundle, "x1"}, config);
    if (!facts) require(!facts.error().message.empty());
    if (facts && engine == Engine::docker) require(facts->engine == Engine::docker && facts->privileged.has_value());
    if (facts && facts->engine == Engine::podman) require(facts->pod.empty() && facts->labels.empty() && !facts->sandbox);
}

void check_names(const std::string& text) {
    const std::string full = full_image_reference(text);
    require(text.empty() == full.empty());
    const auto head = before_tail(text, {"*", "*"});
    if (head) require(text.starts_with(*head) && !last_component(text).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    static const test::TrustedDirectory directory;
    if (size == 0 || directory.path().empty()) return 0;
    const std::string text(data + 1, data + size);
    const bool is_host_record = data[0] % 4 == 1;
    const bool is_labels = data[0] % 4 == 3;
    if (data[0] % 4 < 2) {
        directory.write("containers/x1/config.v2.json", is_host_record ? R"({"ID":"x1"})" : text);
        directory.write("containers/x1/hostconfig.json", is_host_record ? text : "{}");
        read(directory, Engine::docker, "/overlay2/abc/merged", "");
    } else {
        directory.write("overlay-containers/containers.json", is_labels ? R"([{"id":"x1","metadata":"{\"pod-id\":\"x\"}"}])" : text);
        read(directory, Engine::podman, "/overlay/abc/merged", is_labels ? text : "");
    }
    check_names(text);
    return 0;
}
