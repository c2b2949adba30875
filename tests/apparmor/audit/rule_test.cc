// SPDX-License-Identifier: Apache-2.0
//
// From events to rules: what real kernels denied, and names that try to be more than a name. The real apparmor_parser judges them.
#include "apparmor/audit/rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using ::testing::Contains;

Event file_event(std::string name, std::string denied = "r", std::string operation = "open") {
    Event event;
    event.operation = std::move(operation);
    event.label = "web";
    event.name = std::move(name);
    event.denied = std::move(denied);
    event.user = 0;
    event.owner = 1;
    return event;
}

std::string rule_of(const Event& event) { return remedy_for(event).rule; }

// The rules, flags and advice for the records of RELEASE, each once.
std::set<std::string> learned(const std::string& release) {
    std::ifstream file(std::string(AA_RECORDS) + "/" + release);
    std::set<std::string> result;
    for (std::string line; std::getline(file, line);) {
        const auto read = read_log_line(line);
        const auto remedy = remedy_for(std::get<Event>(read));
        result.insert(!remedy.rule.empty() ? remedy.rule : !remedy.flag.empty() ? concat({"flags=(", remedy.flag, ")"}) : remedy.advice);
    }
    return result;
}

class RealDenials : public ::testing::TestWithParam<const char*> {};

// tests/vm adds each of these to a profile and sees the deed done.
TEST_P(RealDenials, HaveARuleEach) {
    const auto rules = learned(GetParam());
    for (const char* rule : {
             "owner /tmp/deed/file r",
             "owner /tmp/deed/file w",
             "owner /tmp/deed/file a",
             "owner /tmp/deed/new w",
             "owner /tmp/deed/folder/ r",
             "owner /tmp/deed/made/ w",
             "owner /tmp/deed/folder/ w",
             "owner /tmp/deed/symlink w",
             "owner /tmp/deed/file rw",
             "owner /tmp/deed/folder/ rw",
             "owner /tmp/deed/renamed w",
             "link /tmp/deed/linked -> /tmp/deed/file",
             "owner /tmp/deed/readable m",
             "owner /tmp/deed/readable k",
             "owner /tmp/deed/program ix",
             "capability sys_admin",
             "capability setuid",
             "signal (send) set=(winch) peer=unconfined",
             "signal (send) set=(rtmin+8) peer=unconfined",
             "signal (send) set=(exists) peer=unconfined",
             "signal (receive) set=(term) peer=unconfined",
             "ptrace (trace) peer=unconfined",
             "ptrace (read) peer=unconfined",
             "mount fstype=tmpfs options=(rw, nosuid, nodev) tmpfs -> /tmp/deed/folder/",
             "mount options=(rw, bind) /tmp/deed/folder/ -> /tmp/deed/mnt/",
             "mount options=(rw, rbind) /tmp/deed/folder/ -> /tmp/deed/mnt/",
             "mount options=(ro, remount) -> /tmp/deed/tmpfs/",
             "mount options=(rw, private) -> /tmp/deed/tmpfs/",
             "mount options=(rw, move) /tmp/deed/tmpfs/ -> /tmp/deed/mnt/",
             "umount /tmp/deed/tmpfs/",
             "pivot_root oldroot=/tmp/deed/tmpfs/old/ /tmp/deed/tmpfs/",
             "change_profile -> aa-deed-other",
             "load the profile 'aa-deed-missing'",
             "set rlimit memlock <= 2097152",
             "flags=(attach_disconnected)",
             R"(owner "/tmp/deed/a b\012\"\{x\,y\}\*\?\[z\]@\{HOME\}\^\,#\134x41\377\303\244" r)",
         }) {
        EXPECT_THAT(rules, Contains(rule));
    }
    if (std::string_view(GetParam()) != "6.1") {
        for (const char* rule : {"userns", "io_uring (sqpoll)", "network inet stream", "network inet raw", "network netlink raw"})
            EXPECT_THAT(rules, Contains(rule));
    }
}
INSTANTIATE_TEST_SUITE_P(Kernels, RealDenials, ::testing::Values("6.1", "6.12", "7.2"));

TEST(RuleOfAnEvent, OfFiles) {
    EXPECT_EQ(rule_of(file_event("/a")), "/a r");
    auto own = file_event("/a", "wrc");
    own.owner = 0;
    EXPECT_EQ(rule_of(own), "owner /a rw");
    EXPECT_EQ(rule_of(file_event("/a", "mr", "file_mmap")), "/a mr");
    EXPECT_EQ(rule_of(file_event("/a", "wa")), "/a w");
    EXPECT_EQ(rule_of(file_event("/a", "rwalkmx", "file_perm")), "/a mrwlkix");
    EXPECT_EQ(rule_of(file_event("/a", "r", "file_inherit")), "/a r");
    EXPECT_EQ(rule_of(file_event("relative")), "");
    EXPECT_EQ(rule_of(file_event("/a", "")), "");
    auto disconnected = file_event("a");
    disconnected.info = "Failed name lookup - disconnected path";
    EXPECT_EQ(remedy_for(disconnected).flag, "attach_disconnected");
    EXPECT_EQ(rule_of(disconnected), "");
    disconnected.info = "Failed name lookup - deleted entry";
    EXPECT_EQ(remedy_for(disconnected).flag, "mediate_deleted");
    disconnected.info = "Failed name lookup - name too long";
    EXPECT_EQ(remedy_for(disconnected).flag + rule_of(disconnected), "");
    auto exec = file_event("/a", "x", "exec");
    exec.info = "no new privs";
    EXPECT_EQ(rule_of(exec), "");
    EXPECT_NE(remedy_for(exec).advice, "");
}

TEST(RuleOfAnEvent, OfWhatOurKernelsDoNotDeny) {
    Event bus;
    bus.operation = "dbus_method_call";
    bus.label = "web";
    bus.requested = "send";
    bus.bus = "system";
    bus.path = "/org/x";
    bus.interface = "org.x.Y";
    bus.member = "Do";
    bus.name = "org.x";
    bus.peer = "unconfined";
    EXPECT_EQ(rule_of(bus), "dbus (send) bus=system path=/org/x interface=org.x.Y member=Do peer=(name=org.x, label=unconfined)");
    bus = Event();
    bus.operation = "dbus_bind";
    bus.requested = "bind";
    bus.bus = "session";
    bus.name = "org.x";
    EXPECT_EQ(rule_of(bus), "dbus (bind) bus=session name=org.x");
    Event queue;
    queue.operation = "open";
    queue.mediation_class = "posix_mqueue";
    queue.name = "/q";
    queue.denied = "create read";
    EXPECT_EQ(rule_of(queue), "mqueue (create, read) type=posix /q");
    Event socket;
    socket.operation = "connect";
    socket.family = "unix";
    socket.socket_type = "stream";
    socket.denied = "send receive connect";
    socket.address = "none";
    socket.peer_address = "@x y";
    socket.peer = "db";
    EXPECT_EQ(rule_of(socket), R"(unix (send, receive, connect) type=stream peer=(label=db, addr="@x y"))");
    socket.peer.clear();
    socket.peer_address.clear();
    socket.address = "@me";
    EXPECT_EQ(rule_of(socket), R"(unix (send, receive, connect) type=stream addr="@me")");
    // An odd name in digits; digits that no odd name has are the name.
    socket.address = "@6465656420626F756E64";
    EXPECT_EQ(rule_of(socket), R"(unix (send, receive, connect) type=stream addr="@deed bound")");
    socket.address = "@4142";
    EXPECT_EQ(rule_of(socket), R"(unix (send, receive, connect) type=stream addr="@4142")");
    Event signal;
    signal.operation = "signal";
    signal.denied = "send";
    signal.signal = "unknown(99)";
    signal.peer = "a b//&c";
    EXPECT_EQ(rule_of(signal), R"(signal (send) peer="a b//&c")");
    Event limit;
    limit.operation = "setrlimit";
    limit.info = "cap_sys_resource";
    EXPECT_EQ(rule_of(limit), "capability sys_resource");
    Event hat;
    hat.operation = "change_hat";
    EXPECT_EQ(rule_of(hat), "");
    Event told;
    told.type = EventType::audit;
    told.operation = "capable";
    told.capability = "chown";
    EXPECT_EQ(rule_of(told) + remedy_for(told).advice, "");
}

// Names become patterns; words stand in a rule as they are, and a record that a process sent may have any.
TEST(RuleOfAnEvent, IsNotMadeOfForeignWords) {
    Event bus;
    bus.teller = Teller::process;
    bus.operation = "dbus_bind";
    for (const char* word : {"bind), /** rwx, dbus (bind", "bind\n", "\x1b[2J", "a}b", "\"", "#"}) {
        bus.requested = word;
        EXPECT_EQ(rule_of(bus), "") << word;
    }
    auto socket = Event();
    socket.operation = "create";
    socket.family = "inet";
    socket.socket_type = ",stream";
    EXPECT_EQ(rule_of(socket), "");
    auto mount = Event();
    mount.operation = "mount";
    mount.name = "/mnt/";
    mount.flags = "rw, b(nd";
    EXPECT_EQ(rule_of(mount), "");
    bus.requested = "bind";
    bus.name = "x), /** rwx,";
    EXPECT_EQ(rule_of(bus), "dbus (bind) name=\"x)\\, /\\*\\* rwx\\,\"");
}

// Which of AUTOMATON's states lead to one that allows to read.
class Accepted {
public:
    explicit Accepted(const Profile& profile) : files_(profile.files), start_(profile.files_start) {}

    // How many texts without NUL are allowed to be read, two for many.
    int count() { return count(start_); }

private:
    int count(StateId state) {
        if (state == kDeadState) return 0;
        const auto [known, fresh] = counts_.emplace(state, 2);  // a circle: many, if any
        if (!fresh) return known->second;
        int sum = (files_.permissions(state, true).allow & permission::kRead) != 0 ? 1 : 0;
        for (unsigned byte = 1; byte < 256 && sum < 2; ++byte) sum += count(files_.step(state, static_cast<std::uint8_t>(byte)));
        return counts_[state] = std::min(sum, 2);
    }

    const Automaton& files_;
    StateId start_;
    std::map<StateId, int> counts_;
};

std::string hostile_name(std::mt19937& random) {
    static const std::vector<std::string> pieces = {
        "*", "**", "?",  "[a]", "{a,b}",   "^",  "\\",   "\\x41",       "\\101", "\"",          ",", "#",
        " ", "\n", "\t", "$x",  "@{HOME}", "@",  "\xff", "\xc3\xa4",    "\x01",  "\x7f",        "a", "/b",
        ".", "-",  "'",  "(",   ")",       "+|", "->",   "include <x>", "\r",    " r, /** rwx", "%", "~",
        "=", "!",  "&",  ":",   ";",       "`",  "<",    ">",           "\\d65", "\\000"};
    std::string name = "/";
    const std::size_t count = 1 + random() % 8;
    for (std::size_t i = 0; i < count; ++i) {
        name += random() % 4 == 0 ? std::string(1, static_cast<char>(1 + random() % 255)) : pieces[random() % pieces.size()];
    }
    for (std::size_t at = 0; (at = name.find("//")) != std::string::npos;) name.erase(at, 1);  // no path has it
    return name;
}

// event → rule → apparmor_parser → evaluator: exactly that name.
TEST(RuleOfAnEvent, AllowsExactlyTheName) {
    const auto parser = Parser::find();
    if (!parser) GTEST_SKIP() << "apparmor_parser is not installed";
    const auto seed = std::random_device()();
    SCOPED_TRACE(concat({"seed ", decimal(seed)}));
    std::mt19937 random(seed);
    std::vector<std::string> names = {"/a",  "/a b", "/@{x}",  "/**",    "/\\", "/a\nb",  "/\xff",
                                      "/\"", "/a,",  "/{a,b}", "/\\x41", "/^a", "/[^/]*", "/# x"};
    while (names.size() < 400) names.push_back(hostile_name(random));
    std::string source;
    for (std::size_t i = 0; i < names.size(); ++i) {
        source += concat({"profile p", decimal(static_cast<long long>(i)), " {\n", rule_of(file_event(names[i])), ",\n}\n"});
    }
    const auto compiled = compile_text(*parser, source, "rules", std::string(AA_POLICY) + "/features/6.12");
    ASSERT_TRUE(compiled) << compiled.error().message;
    ASSERT_EQ(compiled->size(), names.size());
    for (const auto& profile : *compiled) {
        const auto& name = names[std::stoul(profile.name.substr(1))];
        const auto state = profile.files.match(profile.files_start, name);
        EXPECT_NE(profile.files.permissions(state, true).allow & permission::kRead, 0U) << quote(name) << ": " << rule_of(file_event(name));
        EXPECT_EQ(Accepted(profile).count(), 1) << quote(name) << ": " << rule_of(file_event(name));
    }
}

// The neighbour that a rule without escapes would allow.
TEST(RuleOfAnEvent, TheTestTellsAPatternFromAName) {
    const auto parser = Parser::find();
    if (!parser) GTEST_SKIP() << "apparmor_parser is not installed";
    const auto compiled = compile_text(*parser, "profile p { \"/a*\" r, }", "rules", std::string(AA_POLICY) + "/features/6.12");
    ASSERT_TRUE(compiled) << compiled.error().message;
    EXPECT_EQ(Accepted(compiled->front()).count(), 2);
}

}  // namespace
}  // namespace aa::apparmor
