// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/document/daemon_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace aa::ctl::install {
namespace {

const Wanted kPlain;
const Wanted kAll{"/usr/bin/aa-shim", {"web"}, true, false};

std::string with(const std::string& text, const Wanted& wanted = kPlain) {
    const auto result = with_docker_runtimes(text, "daemon.json", wanted);
    return result ? *result : "error: " + result.error().message;
}

TEST(DaemonJson, TakesOnTheStyleOfTheFile) {
    struct Case {
        std::string before, after;
    } const cases[] = {
        {"", "{\n    \"runtimes\": {\n        \"aa-shim\": {\n            \"path\": \"/usr/bin/aa-shim\"\n        }\n    }\n}\n"},
        {"{\"a\":1}", "{\"a\":1, \"runtimes\": {\"aa-shim\": {\"path\": \"/usr/bin/aa-shim\"}}}"},
        {"{\n\t\"a\": 1\n}\n",
         "{\n\t\"a\": 1,\n\t\"runtimes\": {\n\t\t\"aa-shim\": {\n\t\t\t\"path\": \"/usr/bin/aa-shim\"\n\t\t}\n\t}\n}\n"},
        {"{\r\n  \"a\": 1\r\n}",
         "{\r\n  \"a\": 1,\r\n  \"runtimes\": {\r\n    \"aa-shim\": {\r\n      \"path\": \"/usr/bin/aa-shim\"\r\n    }\r\n  }\r\n}"},
        {"{\n  \"runtimes\": {\"kata\": {\"path\": \"/k\"}},\n  \"z\": []\n}\n",
         "{\n  \"runtimes\": {\"kata\": {\"path\": \"/k\"}, \"aa-shim\": {\"path\": \"/usr/bin/aa-shim\"}},\n  \"z\": []\n}\n"},
        {"{\n  \"runtimes\": {\n    \"kata\": {\n      \"path\": \"/k\"\n    }\n  }\n}\n",
         "{\n  \"runtimes\": {\n    \"kata\": {\n      \"path\": \"/k\"\n    },\n    \"aa-shim\": {\n      \"path\": "
         "\"/usr/bin/aa-shim\"\n    }\n  }\n}\n"},
        {"{\n  \"runtimes\": {}\n}\n", "{\n  \"runtimes\": {\n    \"aa-shim\": {\n      \"path\": \"/usr/bin/aa-shim\"\n    }\n  }\n}\n"},
    };
    for (const auto& each : cases) EXPECT_EQ(with(each.before), each.after) << each.before;
}

TEST(DaemonJson, WhatGoesInComesOut) {
    const std::string texts[] = {
        "{\"a\":1}",
        "{\n\t\"a\": 1\n}\n",
        "{\r\n  \"a\": 1.50e+2,\r\n  \"\\u0062\": \"\\/\"\r\n}",
        "{ \"runtimes\" : { \"kata\" : { \"path\" : \"/k\" } } , \"log-opts\":{\"max-size\":\"10m\"} }",
        "{\n  \"default-runtime\": \"kata\",\n  \"runtimes\": {\n    \"kata\": {\n      \"path\": \"/k\"\n    }\n  },\n  \"x\": null\n}\n",
        "{\n  \"default-runtime\": \"runc\"\n}\n",
        "  {\n    \"a\": {}\n  }\n\n",
    };
    for (const auto& before : texts) {
        for (const auto& wanted : {kPlain, kAll}) {
            const auto after = with(before, wanted);
            const auto document = nlohmann::json::parse(after);
            EXPECT_EQ(document["runtimes"]["aa-shim"]["path"], "/usr/bin/aa-shim") << after;
            if (wanted.make_default) {
                EXPECT_EQ(document["default-runtime"], "aa-shim");
                EXPECT_EQ(document["runtimes"]["aa-shim-web"]["path"], "/usr/bin/aa-shim-web");
            }
            const auto back = without_docker_runtimes(after, "daemon.json", before);
            ASSERT_TRUE(back) << back.error().message;
            EXPECT_EQ(*back, before);
        }
    }
}

TEST(DaemonJson, TakesOutWhatIsOursAlone) {
    struct Case {
        std::string before, after;
    } const cases[] = {
        {"{\"runtimes\":{\"aa-shim\":{\"path\":\"/usr/bin/aa-shim\"}}}", "{}\n"},
        {"{\"default-runtime\":\"aa-shim\",\"x\":1}", "{\"x\":1}"},
        {"{\"runtimes\":{\"k\":{},\"aa-shim-a\":{\"path\":\"/b/aa-shim-a\"},\"l\":{}}}", "{\"runtimes\":{\"k\":{},\"l\":{}}}"},
        {"{\"runtimes\":{\"aa-shim\":{\"runtimeArgs\":[ ],\"path\":\"/usr/bin/aa-shim\",\"options\":null}}}", "{}\n"},
        {"{\"runtimes\":{\"aa-shim\":{\"path\":\"/usr/bin/aa-shim\",\"runtimeArgs\":[\"-x\"]}}}",
         "{\"runtimes\":{\"aa-shim\":{\"path\":\"/usr/bin/aa-shim\",\"runtimeArgs\":[\"-x\"]}}}"},
        {"{\"runtimes\":{\"aa-shim\":{\"path\":\"/usr/bin/other\"}}}", "{\"runtimes\":{\"aa-shim\":{\"path\":\"/usr/bin/other\"}}}"},
        {"{\"runtimes\":{\"aa-shimmer\":{\"path\":\"/b/aa-shimmer\"}}}", "{\"runtimes\":{\"aa-shimmer\":{\"path\":\"/b/aa-shimmer\"}}}"},
        {"", ""},
        {"{}", "{}"},
    };
    for (const auto& each : cases) {
        const auto back = without_docker_runtimes(each.before, "daemon.json", std::nullopt);
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(*back, each.after) << each.before;
    }
}

TEST(DaemonJson, RefusesWithThePlace) {
    const std::pair<std::string, std::string> cases[] = {
        {"{", "error: daemon.json:1:2: "},
        {"{\n  \"a\": 1,\n}", "error: daemon.json:3:1: "},
        {"[]", "error: daemon.json:1:1: "},
        {"{\"a\": 1} x", "error: daemon.json:1:10: "},
        {"// comment\n{}", "error: daemon.json:1:1: "},
        {"\xEF\xBB\xBF{}", "error: daemon.json:1:1: "},
        {"{\"a\":1,\n\"a\":2}", "error: daemon.json:2:1: 'a' is there twice"},
        {"{\n\"Runtimes\":{}}", "error: daemon.json:2:1: 'Runtimes' is taken for 'runtimes' by Docker: write it so"},
        {"{\"DEFAULT-runtime\":\"x\"}", "error: daemon.json:1:2: 'DEFAULT-runtime' is taken for 'default-runtime' by Docker: write it so"},
        {"{\"runtimes\":[]}", "error: daemon.json:1:13: \"runtimes\" must be an object"},
        {"{\"default-runtime\":1}", "error: daemon.json:1:20: \"default-runtime\" must be a string"},
        {"{\"runtimes\":{\n \"aa-shim\":{\"path\":\"/x\"}}}",
         "error: daemon.json:2:2: there is a runtime 'aa-shim' that aa-shimctl did not write: remove it first"},
        {"{\"runtimes\":{\"k\":{},\n\"k\":{}}}", "error: daemon.json:2:1: 'k' is there twice"},
    };
    for (const auto& [text, expected] : cases) {
        const auto found = with(text, kAll);
        EXPECT_TRUE(found.starts_with(expected)) << text << "\n" << found;
    }
    std::string deep = "{\"a\":";
    for (int i = 0; i < 100000; ++i) deep += '[';
    EXPECT_TRUE(with(deep).starts_with("error: daemon.json:1:"));
}

}  // namespace
}  // namespace aa::ctl::install
