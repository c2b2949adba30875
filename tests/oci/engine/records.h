// SPDX-License-Identifier: Apache-2.0
//
// What the tests of engines share: a container, and a place for records that are trusted.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "oci/engine/engine.h"
#include "tests/oci/trusted_directory.h"

namespace aa::oci::test {

inline const std::string kId = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
inline const std::string kSandboxId(64, '2');

inline Config config_with(const StringMap& annotations, const std::string& root_path = "") {
    Config config;
    for (const auto& [key, value] : annotations) config.annotations.push_back({key, value, {}});
    config.root_path = root_path;
    return config;
}

// ID stands for the container's in every path.
inline std::string with_id(std::string text, const std::string& id = kId) {
    const std::size_t at = text.find("ID");
    if (at != std::string::npos) text.replace(at, 2, id);
    return text;
}

inline const StringMap kCri{{"io.kubernetes.cri.container-type", "container"}};
inline const StringMap kNerdctl{{"nerdctl/name", "web"}};
inline const StringMap kForged{{"io.kubernetes.cri.container-type", "sandbox"},
                               {"io.kubernetes.cri-o.ContainerType", "sandbox"},
                               {"io.container.manager", "cri-o"},
                               {"nerdctl/name", "forged"}};

class Records : public ::testing::Test {
protected:
    void SetUp() override {
        if (directory_.path().empty()) GTEST_SKIP() << "no directory that only this user can write";
    }
    [[nodiscard]] const std::string& top() const { return directory_.path(); }

    TrustedDirectory directory_;
};

}  // namespace aa::oci::test
