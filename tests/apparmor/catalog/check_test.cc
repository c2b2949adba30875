// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/check.h"

#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

std::string complaints(const std::string& rules, const std::string& otherwise) {
    const CatalogSource source{
        "c", R"({ "confinements": {
        "strong": { "apparmor": "a", "capabilities": [], "noNewPrivileges": true },
        "base": { "apparmor": "a", "capabilities": ["KILL"] },
        "weak": { "unconfined": true, "capabilities": ["KILL"] },
        "rich": { "apparmor": "a", "capabilities": ["CHOWN"] }, "restored": { "apparmor": "a", "capabilities": ["KILL"], "restore": "allow" },)"
             R"("steered": { "apparmor": "a", "capabilities": ["KILL"], "runtimeAnnotations": ["run.oci.a=1"] },)"
             R"("steers": { "apparmor": "a", "capabilities": ["KILL"], "runtimeAnnotations": ["run.oci.*"] } }, "otherwise": )" +
                 otherwise + ", \"rules\": [\n" + rules + "] }"};
    std::string text;
    for (const auto& error : read_catalog({&source, 1}).errors) text += error.text() + "\n";
    return text;
}

struct ReachCase {
    const char* name;
    const char* first;
    const char* second;
    bool reachable;
};

constexpr ReachCase kReach[] = {
    {"the same", R"("image": "a")", R"("image": "a")", false},
    {"another", R"("image": "a")", R"("image": "b")", true},
    {"narrower", R"("image": "a*")", R"("image": "ab")", false},
    {"wider", R"("image": "ab")", R"("image": "a*")", true},
    {"one clause more", R"("image": "a")", R"("image": "a", "user": 1)", false},
    {"one clause less", R"("image": "a", "user": 1)", R"("image": "a")", true},
    {"another clause", R"("image": "**")", R"("name": "a")", true},
    {"any image", R"("image": "**")", R"("image": "a/b:c")", false},
    {"alternatives", R"("image": "{a,b}")", R"("image": "b")", false},
    {"the same label", R"("labels": {"a": "b"})", R"("labels": {"a": "b", "c": "d"})", false},
    {"another label", R"("labels": {"a": "**"})", R"("labels": {"b": "**"})", true},
    {"a label is no annotation", R"("labels": {"a": "b"})", R"("annotations": {"a": "b"})", true},
    {"the same user", R"("user": 1)", R"("user": 1)", false},
    {"another user", R"("user": 1)", R"("user": 2)", true},
    {"the same privilege", R"("privileged": true)", R"("privileged": true, "image": "a")", false},
    {"another privilege", R"("privileged": true)", R"("privileged": false)", true},
    {"a sandbox is not covered", R"("namespace": "a")", R"("namespace": "a", "sandbox": true)", true},
    {"a sandbox covers only sandboxes", R"("namespace": "a", "sandbox": true)", R"("namespace": "a")", true},
    {"sandboxes", R"("sandbox": true)", R"("namespace": "a", "sandbox": true)", false},
    {"no sandbox is the default", R"("namespace": "a", "sandbox": false)", R"("namespace": "a")", false},
};

struct FactCase {
    const char* match;
    const char* why;  // empty: the rule is good
};

constexpr FactCase kFacts[] = {
    {R"("engine": "cri-containerd", "labels": {"a": "b"})",
     "no engine called 'cri-containerd' tells 'labels' of its containers: 'docker', 'cri-o' can"},
    {R"("engine": "podman", "labels": {"a": "b"})", "no engine called 'podman' tells 'labels' of its containers: 'docker', 'cri-o' can"},
    {R"("engine": "podman", "privileged": true)",
     "no engine called 'podman' tells 'privileged: true' of its containers: 'docker', 'cri-o', 'nerdctl' can"},
    {R"("engine": "podman", "namespace": "a", "pod": "b")",
     "no engine called 'podman' tells 'namespace', 'pod' of its containers: 'cri-containerd', 'cri-o' can"},
    {R"("engine": "nerdctl", "image": "a")",
     "no engine called 'nerdctl' tells 'image' of its containers: 'docker', 'cri-containerd', 'cri-o', 'podman' can"},
    {R"("engine": "cri-o", "privileged": false)",
     "no engine called 'cri-o' tells 'privileged: false' of its containers: 'docker', 'nerdctl' can"},
    {R"("engine": "other", "name": "a")",
     "no engine called 'other' tells 'name' of its containers: 'docker', 'cri-containerd', 'cri-o', 'podman', 'nerdctl' can"},
    {R"("engine": "{docker,podman}", "sandbox": true)",
     "no engine called '{docker,podman}' tells 'sandbox: true' of its containers: 'cri-containerd', 'cri-o' can"},
    {R"("engine": "{docker,cri-containerd}", "labels": {"a": "b"}, "pod": "p")",
     "no engine called '{docker,cri-containerd}' tells 'labels', 'pod' together of its containers: 'cri-o' can"},
    {R"("privileged": false, "pod": "a")", "no engine tells 'pod', 'privileged: false' together of its containers"},
    {R"("engine": "cri-*", "labels": {"a": "b"})", ""},
    {R"("engine": "cri-o", "privileged": true, "labels": {"a": "b"}, "pod": "p")", ""},
    {R"("engine": "podman", "image": "a", "user": 1, "sandbox": false)", ""},
    {R"("handler": "aa-shim-web")", "the handler of the runtime 'aa-shim-web' is 'web'"},
    {R"("handler": "aa-shim")", "the runtime 'aa-shim' has no handler"},
    {R"("handler": "{aa-shim-web,web}")", ""},
    {R"("name": "/web")", "a container's name has no slash in front: write 'web'"},
    {R"("name": "web")", ""},
    {R"("image": "https://registry.example/nginx:*")", "an image's name has no scheme: write 'registry.example/nginx:*'"},
    {R"("image": "Nginx:latest")", "an image's name has no capital letters but in its host and its tag"},
    {R"("image": "registry.example/Web/*")", "an image's name has no capital letters but in its host and its tag"},
    {R"("image": "Registry.example/web:V1")", ""},
    {R"("image": "registry.example/web*RC1")", ""},
    {R"("image": "**/web:V1")", ""},
    {R"("image": "Lab**")", ""},
    {R"("namespace": "Prod")", "names of namespaces and pods have no capital letters: 'Prod'"},
};

TEST(CatalogCheck, refuses_what_no_engine_tells) {
    for (const auto& c : kFacts) {
        const auto found = complaints(std::string("{ \"match\": {") + c.match + "}, \"reject\": \"no\" }", "\"base\"");
        EXPECT_EQ(found, *c.why == '\0' ? "" : std::string("c:6:1: this rule can never match: ") + c.why + "\n") << c.match;
    }
}

TEST(CatalogCheck, finds_rules_that_can_never_match) {
    for (const auto& c : kReach) {
        const std::string rules =
            std::string("{ \"match\": {") + c.first + "}, \"use\": \"strong\" },\n{ \"match\": {" + c.second + "}, \"reject\": \"no\" }";
        EXPECT_EQ(complaints(rules, "\"base\""),
                  c.reachable ? "" : "c:7:1: this rule can never match: the one at c:6:1 matches whatever it would\n")
            << c.name;
    }
}

struct StrengthCase {
    const char* rule;
    const char* otherwise;
    const char* gain;  // null: nothing is said
};

constexpr StrengthCase kStrength[] = {
    {R"("match": {"image": "a"}, "use": "base")", R"("base")", nullptr},
    {R"("match": {"image": "a"}, "use": "strong")", R"("base")", nullptr},
    {R"("match": {"image": "a"}, "use": "base")", R"("strong")", "keep the capabilities KILL"},
    {R"("match": {"image": "a"}, "use": "rich")", R"("base")", "keep the capabilities CHOWN"},
    {R"("match": {"image": "a"}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"image": "a"}, "use": "base")", R"("weak")", nullptr},
    {R"("match": {"image": "a"}, "pass": true)", R"("base")", "start as its engine made it"},
    {R"("match": {"image": "a"}, "pass": true)", R"({ "pass": true })", nullptr},
    {R"("match": {"image": "a"}, "use": "weak")", R"({ "pass": true })", nullptr},
    {R"("match": {"image": "a"}, "use": "strong")", R"({ "reject": "no" })", "start"},
    {R"("match": {"image": "a"}, "reject": "no")", R"("base")", nullptr},
    {R"("match": {"image": "a"}, "use": "base", "selectable": ["strong"])", R"("base")", nullptr},
    {R"("match": {"image": "a"}, "use": "base", "selectable": ["strong", "rich"])", R"("base")",
     "keep the capabilities CHOWN (if it asks for 'rich')"},
    {R"("match": {"image": "a"}, "use": "steers")", R"("base")", "steer the runtime by the annotation 'run.oci.*'"},
    {R"("match": {"image": "a"}, "use": "steers")", R"("steered")", "steer the runtime by the annotation 'run.oci.*'"},
    {R"("match": {"image": "a"}, "use": "steered")", R"("steers")", nullptr},
    {R"("match": {"image": "a"}, "use": "restored")", R"("base")", "be restored from a checkpoint"},
    {R"("match": {"image": "a"}, "use": "base")", R"("restored")", nullptr},
    // Each fact that the starter chooses, and each that he does not.
    {R"("match": {"labels": {"a": "b"}}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"annotations": {"a": "b"}}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"name": "a"}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"pod": "a"}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"entrypoint": "/a"}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"user": 0}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"privileged": false}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"sandbox": false, "user": 0}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"sandbox": true}, "use": "weak")", R"("base")", nullptr},
    {R"("match": {"engine": "docker", "image": "a"}, "use": "weak")", R"("base")", nullptr},
    {R"("match": {"engine": "docker"}, "use": "weak")", R"("base")", nullptr},
    {R"("match": {"engine": "{docker,podman}", "image": "a"}, "use": "weak")", R"("base")", nullptr},
    {R"("match": {"engine": "**", "image": "a"}, "use": "weak")", R"("base")", "run without an AppArmor profile"},
    {R"("match": {"engine": "{docker,cri-*,podman,nerdctl,other}", "image": "a"}, "use": "weak")", R"("base")",
     "run without an AppArmor profile"},
    {R"("match": {"handler": "a", "image": "a"}, "use": "weak")", R"("base")", nullptr},
    {R"("match": {"namespace": "a", "image": "a"}, "use": "weak")", R"("base")", nullptr},
};

TEST(CatalogCheck, finds_rules_that_weaken) {
    for (const auto& c : kStrength) {
        std::string expected;
        if (c.gain != nullptr) {
            expected = std::string(
                           "c:6:1: whoever starts a container chooses all that this rule looks at, and unlike \"otherwise\" it lets "
                           "the container ") +
                       c.gain + ": match on \"engine\", \"handler\" or \"namespace\" too, or say \"weaker\": true\n";
        }
        EXPECT_EQ(complaints(std::string("{") + c.rule + "}", c.otherwise), expected) << c.rule;
        const bool is_said = c.gain != nullptr;
        const auto said = complaints(std::string("{") + c.rule + ", \"weaker\": true }", c.otherwise);
        if (is_said) {
            EXPECT_EQ(said, "") << c.rule;
        }
    }
}

}  // namespace
}  // namespace aa::apparmor
