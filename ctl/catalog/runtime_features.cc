// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/runtime_features.h"

#include <algorithm>

#include "base/process.h"
#include "base/text.h"
#include "ctl/cli/output.h"
#include "shim/runtime.h"

namespace aa::ctl {

namespace {

constexpr std::size_t kMostAnnotations = 256;
constexpr std::size_t kLongestAnnotation = 256;
constexpr int kSeconds = 10;

Error not_understood(std::string_view problem) {
    return {ErrorKind::config, concat({"the runtime's word on the annotations that it interprets cannot be understood: ", problem})};
}

}  // namespace

Result<std::vector<std::string>> read_unsafe_annotations(std::string_view text) {
    const auto features = Json::parse(text, nullptr, false);
    if (!features.is_object()) return not_understood("it is no JSON object");
    const auto listed = features.find("potentiallyUnsafeConfigAnnotations");
    if (listed == features.end() || listed->is_null()) return std::vector<std::string>();
    if (!listed->is_array() || listed->size() > kMostAnnotations)
        return not_understood("potentiallyUnsafeConfigAnnotations is no list of keys");
    std::vector<std::string> keys;
    for (const auto& item : *listed) {
        const auto* key = item.get_ptr<const std::string*>();
        if (key == nullptr || key->empty() || *key == "." || key->size() > kLongestAnnotation)
            return not_understood(concat({"potentiallyUnsafeConfigAnnotations holds ", item.dump(-1, ' ', true)}));
        keys.push_back(*key);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

Result<std::vector<std::string>> unsafe_annotations_of_runtime() {
    const auto runtime = shim::find_runtime();
    if (!runtime) return std::vector<std::string>();
    const auto answer =
        TRY(run_command({.words = {runtime->path, "features"}, .seconds = kSeconds}).context("ask the runtime for its features"));
    if (!answer.ok() || answer.output.empty()) return std::vector<std::string>();
    return read_unsafe_annotations(answer.output);
}

}  // namespace aa::ctl
