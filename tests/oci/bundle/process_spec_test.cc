// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/process_spec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aa::oci {
namespace {

Result<ProcessSpec> read(std::string_view text) {
    json::Reader reader(text);
    ProcessSpec spec = read_process_spec(reader);
    TRY(reader.finish());
    return spec;
}

CapabilitySet set(std::string_view names) { return CapabilitySet::from_names(names).value_or(CapabilitySet::all()); }

// TEXT as CHANGES make it; a change that is made twice must change nothing the second time.
std::string changed(std::string_view text, const ProcessChanges& changes) {
    const auto once = [&changes](std::string_view before) {
        const auto spec = read(before);
        if (!spec) return "error: " + spec.error().message;
        Splices splices;
        change_process(*spec, changes, splices);
        EXPECT_FALSE(splices.overlap());
        return splices.apply(before);
    };
    std::string result = once(text);
    EXPECT_EQ(once(result), result) << "not idempotent";
    return result;
}

TEST(ProcessSpec, ReadsWhatIsAskedFor) {
    const auto spec = read(R"({"user":{"uid":1000,"gid":7,"additionalGids":[1]},"args":["sh","-c","a\u0062"],"cwd":"/srv",
        "env":["PATH=/first","A=PATH=/x","\u0050ATH=/bin:/usr/bin","PATHS=/y"],"terminal":true,"noNewPrivileges":true,
        "apparmorProfile":"docker-default","rlimits":[{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":1024}],
        "capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"],"permitted":["CAP_SYSLOG","CAP_FROM_THE_FUTURE"],"ambient":[],"effective":null}})");
    ASSERT_TRUE(spec.has_value()) << spec.error().message;
    EXPECT_EQ(spec->uid, 1000U);
    EXPECT_EQ(spec->args, (std::vector<std::string>{"sh", "-c", "ab"}));
    EXPECT_EQ(spec->cwd, "/srv");
    EXPECT_EQ(spec->path, "/bin:/usr/bin");
    EXPECT_TRUE(spec->no_new_privileges);
    EXPECT_EQ(spec->apparmor_profile, "docker-default");
    EXPECT_TRUE(spec->capabilities_present);
    EXPECT_EQ(spec->set(CapabilityKind::bounding)->known, set("CHOWN,KILL"));
    EXPECT_FALSE(spec->set(CapabilityKind::bounding)->has_unknown);
    EXPECT_TRUE(spec->set(CapabilityKind::permitted)->has_unknown);
    EXPECT_TRUE(spec->set(CapabilityKind::ambient)->known.empty());
    EXPECT_FALSE(spec->set(CapabilityKind::effective).has_value());
    EXPECT_FALSE(spec->set(CapabilityKind::inheritable).has_value());
    EXPECT_EQ(spec->requested(), set("CHOWN,KILL,SYSLOG"));
}

TEST(ProcessSpec, TakesNullForAbsent) {
    const auto spec =
        read(R"({"user":null,"args":null,"cwd":null,"env":null,"apparmorProfile":null,"noNewPrivileges":null,"capabilities":null})");
    ASSERT_TRUE(spec.has_value()) << spec.error().message;
    EXPECT_EQ(spec->uid, 0U);
    EXPECT_TRUE(spec->args.empty());
    EXPECT_FALSE(spec->apparmor_profile.has_value());
    EXPECT_FALSE(spec->no_new_privileges);
    EXPECT_FALSE(spec->capabilities_present);
    EXPECT_TRUE(spec->capabilities_place.has_value());
    EXPECT_FALSE(spec->empty);
}

struct Refused {
    const char* text;
    const char* error;
};

TEST(ProcessSpec, RefusesWhatRuntimesMayReadOtherwise) {
    const Refused cases[] = {
        {"null", "line 1, column 1: expected an object, found null"},
        {"[]", "line 1, column 1: expected an object, found an array"},
        {R"({"args":"sh"})", "line 1, column 9: expected an array, found a string"},
        {R"({"args":["sh",null]})", "line 1, column 15: expected a string, found null"},
        {R"({"args":["sh\u0000"]})", "line 1, column 13: an escaped NUL in a string"},
        {R"({"cwd":1})", "line 1, column 8: expected a string, found a number"},
        {R"({"env":{}})", "line 1, column 8: expected an array, found an object"},
        {R"({"user":{"uid":-1}})", "line 1, column 16: a user id that does not fit into 32 bits"},
        {R"({"user":{"uid":4294967296}})", "line 1, column 16: a user id that does not fit into 32 bits"},
        {R"({"user":{"uid":1e3}})", "line 1, column 16: expected an integer without fraction or exponent"},
        {R"({"user":{"uid":"0"}})", "line 1, column 16: expected an integer, found a string"},
        {R"({"user":{"UID":0}})", "line 1, column 10: the key 'UID' is 'uid' to some runtimes and not to others; spell it 'uid'"},
        {R"({"apparmorProfile":false})", "line 1, column 20: expected a string, found a boolean"},
        {R"({"noNewPrivileges":"true"})", "line 1, column 20: expected true or false, found a string"},
        {R"({"noNewPrivileges":0})", "line 1, column 20: expected true or false, found a number"},
        {R"({"capabilities":[]})", "line 1, column 17: expected an object, found an array"},
        {R"({"capabilities":{"bounding":{}}})", "line 1, column 29: expected an array, found an object"},
        {R"({"capabilities":{"bounding":[7]}})", "line 1, column 30: expected a string, found a number"},
        {R"({"capabilities":{"ambient":[],"ambient":[]}})",
         "line 1, column 31: the key 'ambient' is there twice; runtimes disagree about which one counts"},
        {R"({"capabilities":{"Effective":[]}})",
         "line 1, column 18: the key 'Effective' is 'effective' to some runtimes and not to others; spell it 'effective'"},
        {R"({"apparmorProfile":"a","ApparmorProfile":"b"})",
         "line 1, column 24: the key 'ApparmorProfile' is 'apparmorProfile' to some runtimes and not to others; spell it "
         "'apparmorProfile'"},
        {R"({"apparmorProfile":"a","apparmorProfile":null})",
         "line 1, column 24: the key 'apparmorProfile' is there twice; runtimes disagree about which one counts"},
        {R"({"noNewPrivileges":true,"noNewPrivilege\u017f":false})",
         "line 1, column 25: the key 'noNewPrivilege\xC5\xBF' is 'noNewPrivileges' to some runtimes and not to others; spell it "
         "'noNewPrivileges'"},
        {"{\"args\":[],\"arg\xC5\xBF\":[\"sh\"]}",
         "line 1, column 12: the key 'arg\xC5\xBF' is 'args' to some runtimes and not to others; spell it 'args'"},
        {R"({"CWD":"/"})", "line 1, column 2: the key 'CWD' is 'cwd' to some runtimes and not to others; spell it 'cwd'"},
        {R"({"env":[],"\u0065nv":[]})", "line 1, column 11: the key 'env' is there twice; runtimes disagree about which one counts"},
        {R"({"User":{}})", "line 1, column 2: the key 'User' is 'user' to some runtimes and not to others; spell it 'user'"},
    };
    for (const auto& c : cases) {
        const auto spec = read(c.text);
        ASSERT_FALSE(spec.has_value()) << c.text;
        EXPECT_EQ(spec.error().message, c.error) << c.text;
        EXPECT_EQ(spec.error().kind, ErrorKind::config);
    }
}

struct Change {
    const char* name;
    const char* before;
    ProcessChanges changes;
    const char* after;
};

ProcessChanges profile(const char* name) { return {.apparmor_profile = name, .ceiling = {}, .set_no_new_privileges = false}; }
ProcessChanges ceiling(const char* names) { return {.apparmor_profile = {}, .ceiling = set(names), .set_no_new_privileges = false}; }
ProcessChanges no_new_privileges() { return {.apparmor_profile = {}, .ceiling = {}, .set_no_new_privileges = true}; }

TEST(ProcessSpec, ChangesOnlyWhatMustChange) {
    const Change cases[] = {
        {"nothing", R"({ "x" : 1e2 })", {}, R"({ "x" : 1e2 })"},
        {"profile missing", R"({ "x" : 1e2 })", profile("web"), R"({"apparmorProfile":"web", "x" : 1e2 })"},
        {"profile there", R"({"apparmorProfile" : "docker-default" ,"x":[]})", profile("web"), R"({"apparmorProfile" : "web" ,"x":[]})"},
        {"profile under an escaped key", R"({"\u0061pparmorProfile":"u"})", profile("web"), R"({"\u0061pparmorProfile":"web"})"},
        {"profile null", R"({"apparmorProfile":null})", profile("web"), R"({"apparmorProfile":"web"})"},
        {"profile right", R"({"apparmorProfile":"w\u0065b"})", profile("web"), R"({"apparmorProfile":"w\u0065b"})"},
        {"profile that needs escapes", "{}", profile("a\"b\\c//&d"), R"({"apparmorProfile":"a\"b\\c//&d"})"},
        {"no-new-privileges missing", R"({"x":1})", no_new_privileges(), R"({"noNewPrivileges":true,"x":1})"},
        {"no-new-privileges false", R"({"noNewPrivileges": false})", no_new_privileges(), R"({"noNewPrivileges": true})"},
        {"no-new-privileges null", R"({"noNewPrivileges":null})", no_new_privileges(), R"({"noNewPrivileges":true})"},
        {"no-new-privileges there", R"({"noNewPrivileges":true})", no_new_privileges(), R"({"noNewPrivileges":true})"},
        {"no-new-privileges is never cleared", R"({"noNewPrivileges":true})", {}, R"({"noNewPrivileges":true})"},
        {"both missing in an empty process",
         "{ }",
         {.apparmor_profile = "web", .ceiling = set("KILL"), .set_no_new_privileges = true},
         R"({"apparmorProfile":"web","noNewPrivileges":true })"},
        {"capabilities absent stay absent", R"({"x":1})", ceiling("KILL"), R"({"x":1})"},
        {"capabilities null stay null", R"({"capabilities":null})", ceiling("KILL"), R"({"capabilities":null})"},
        {"sets absent stay absent", R"({"capabilities":{}})", ceiling("KILL"), R"({"capabilities":{}})"},
        {"sets null stay null", R"({"capabilities":{"bounding":null}})", ceiling("KILL"), R"({"capabilities":{"bounding":null}})"},
        {"a set that obeys keeps its bytes", R"({"capabilities":{"bounding":[ "cap_kill" , "CAP_CHOWN","CAP_KILL" ]}})",
         ceiling("CHOWN,KILL"), R"({"capabilities":{"bounding":[ "cap_kill" , "CAP_CHOWN","CAP_KILL" ]}})"},
        {"a set that changes is normalised", R"({"capabilities":{"bounding":[ "cap_kill" , "CAP_CHOWN","CAP_SYSLOG" ]}})",
         ceiling("CHOWN,KILL"), R"({"capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"]}})"},
        {"escaped names count", R"({"capabilities":{"bounding":["CAP_SYS_\u0041DMIN"]}})", ceiling("KILL"),
         R"({"capabilities":{"bounding":[]}})"},
        {"unknown names go", R"({"capabilities":{"bounding":["CAP_KILL","CAP_FROM_THE_FUTURE"]}})", ceiling("KILL"),
         R"({"capabilities":{"bounding":["CAP_KILL"]}})"},
        {"unknown names go even under a full ceiling",
         R"({"capabilities":{"effective":["63","ALL","KILL"]}})",
         {.apparmor_profile = {}, .ceiling = CapabilitySet::all(), .set_no_new_privileges = false},
         R"({"capabilities":{"effective":[]}})"},
        {"unknown names stay without a ceiling", R"({"capabilities":{"effective":["ALL"]}})", profile("web"),
         R"({"apparmorProfile":"web","capabilities":{"effective":["ALL"]}})"},
        {"all five sets are cut",
         R"({"capabilities":{"bounding":["CAP_KILL","CAP_BPF"],"effective":["CAP_KILL","CAP_BPF"],"inheritable":["CAP_KILL","CAP_BPF"],"permitted":["CAP_KILL","CAP_BPF"],"ambient":["CAP_KILL","CAP_BPF"]}})",
         ceiling("KILL"),
         R"({"capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"inheritable":["CAP_KILL"],"permitted":["CAP_KILL"],"ambient":["CAP_KILL"]}})"},
        {"an empty ceiling", R"({"capabilities":{"bounding":["CAP_KILL"],"inheritable":[]}})", ceiling("none"),
         R"({"capabilities":{"bounding":[],"inheritable":[]}})"},
        {"ambient needs inheritable and permitted",
         R"({"capabilities":{"ambient":["CAP_KILL","CAP_CHOWN","CAP_FOWNER"],"inheritable":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL","CAP_FOWNER"]}})",
         ceiling("KILL,CHOWN,FOWNER"),
         R"({"capabilities":{"ambient":["CAP_KILL"],"inheritable":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL","CAP_FOWNER"]}})"},
        {"ambient without inheritable", R"({"capabilities":{"ambient":["CAP_KILL"],"permitted":["CAP_KILL"]}})", ceiling("KILL"),
         R"({"capabilities":{"ambient":[],"permitted":["CAP_KILL"]}})"},
    };
    for (const auto& c : cases) EXPECT_EQ(changed(c.before, c.changes), c.after) << c.name;
}

// Every ceiling over every combination of three capabilities in the five sets: nothing is added, and what the kernel wants
// of the ambient set holds.
TEST(ProcessSpec, NeverAddsACapabilityAndKeepsTheKernelsInvariants) {
    const char* const names[] = {"CAP_CHOWN", "CAP_KILL", "CAP_BPF"};
    const auto array = [&names](unsigned mask) {
        std::string out = "[";
        for (unsigned i = 0; i < 3; ++i) {
            if ((mask >> i & 1U) != 0) out += std::string(out.size() == 1 ? "\"" : ",\"") + names[i] + "\"";
        }
        return out + "]";
    };
    for (unsigned bits = 0; bits < 1U << 12; ++bits) {
        const unsigned inheritable = bits & 7U;
        const unsigned permitted = bits >> 3 & 7U;
        const unsigned ambient = bits >> 6 & 7U;
        const std::string text = R"({"capabilities":{"bounding":)" + array(permitted) + R"(,"effective":)" + array(permitted) +
                                 R"(,"inheritable":)" + array(inheritable) + R"(,"permitted":)" + array(permitted) + R"(,"ambient":)" +
                                 array(ambient) + "}}";
        CapabilitySet limit;
        for (unsigned i = 0; i < 3; ++i) {
            if ((bits >> (9 + i) & 1U) != 0) limit.add(*capability_number(names[i]));
        }
        const auto before = read(text);
        const auto after = read(changed(text, {.apparmor_profile = {}, .ceiling = limit, .set_no_new_privileges = false}));
        ASSERT_TRUE(before && after);
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_EQ(after->capabilities[i]->known, before->capabilities[i]->known & limit) << text;
        }
        const auto kept = [&](CapabilityKind kind) { return after->set(kind)->known; };
        EXPECT_EQ(kept(CapabilityKind::ambient),
                  before->set(CapabilityKind::ambient)->known & kept(CapabilityKind::inheritable) & kept(CapabilityKind::permitted))
            << text;
    }
}

}  // namespace
}  // namespace aa::oci
