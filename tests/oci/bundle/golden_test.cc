// SPDX-License-Identifier: Apache-2.0
//
// Every directory of tests/golden/bundle is a case: config.json, changes.json, and expected.json, or expected.err with the
// reason why it is refused. scripts/update-goldens writes the expected files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "oci/bundle/bundle.h"

namespace aa::oci {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// What changes.json says, and the strings that ConfigChanges points to.
struct Changes {
    explicit Changes(const nlohmann::json& json)
        : annotations(json.value("annotations", std::map<std::string, std::string>())),
          denied(json.value("denySyscalls", std::vector<std::string>())),
          architectures(json.value("architectures", std::vector<std::string>())),
          pairs(annotations.begin(), annotations.end()),
          config{.process = {}, .annotations = pairs, .deny_syscalls = denied, .architectures = architectures} {
        if (json.contains("apparmor")) config.process.apparmor_profile = json["apparmor"].get<std::string>();
        config.process.set_no_new_privileges = json.value("noNewPrivileges", false);
        if (!json.contains("ceiling")) return;
        config.process.ceiling.emplace();
        for (const std::string name : json["ceiling"]) config.process.ceiling->add(capability_number("CAP_" + name).value());
    }

    std::map<std::string, std::string> annotations;
    std::vector<std::string> denied;
    std::vector<std::string> architectures;
    std::vector<std::pair<std::string, std::string>> pairs;
    ConfigChanges config;
};

Result<std::string> rewritten(std::string_view text, const ConfigChanges& changes) {
    const Config config = TRY(read_config(text));
    return TRY(change_config(config, text, changes)).apply(text);
}

// TEXT without the members that aa-shim owns.
nlohmann::json foreign(std::string_view text) {
    auto json = nlohmann::json::parse(text);
    for (const char* owned : {"apparmorProfile", "noNewPrivileges", "capabilities"}) json["process"].erase(owned);
    json.erase("annotations");
    if (json.contains("linux") && json["linux"].is_object()) json["linux"].erase("seccomp");
    if (json.contains("linux") && json["linux"].empty()) json.erase("linux");
    return json;
}

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(AA_GOLDEN_DIR)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

class BundleGolden : public testing::TestWithParam<std::string> {};

TEST_P(BundleGolden, GivesTheExpectedBytes) {
    const fs::path directory = fs::path(AA_GOLDEN_DIR) / GetParam();
    const std::string text = read_all(directory / "config.json");
    const Changes changes(nlohmann::json::parse(read_all(directory / "changes.json")));
    const auto result = rewritten(text, changes.config);
    const fs::path expected = directory / (result ? "expected.json" : "expected.err");
    const std::string actual = result ? *result : result.error().message + "\n";
    if (::getenv("AA_UPDATE_GOLDENS") != nullptr) {
        fs::remove(directory / "expected.json");
        fs::remove(directory / "expected.err");
        std::ofstream(expected, std::ios::binary) << actual;
    }
    ASSERT_TRUE(fs::exists(expected)) << actual;
    EXPECT_EQ(actual, read_all(expected));
    if (!result) return;
    EXPECT_EQ(foreign(actual), foreign(text)) << "something that is not ours changed";
    const auto again = rewritten(actual, changes.config);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(*again, actual) << "not idempotent";
}

INSTANTIATE_TEST_SUITE_P(Cases, BundleGolden, testing::ValuesIn(case_names()), [](const auto& each) {
    std::string name = each.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

}  // namespace
}  // namespace aa::oci
