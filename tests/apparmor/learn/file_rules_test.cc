// SPDX-License-Identifier: Apache-2.0
//
// From the files that were used to few rules about them.
#include "apparmor/learn/file_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

namespace aa::apparmor {
namespace {

using ::testing::ElementsAre;

class FileRules : public ::testing::Test {
protected:
    void use(const std::string& name, const std::string& letters, bool owned = false) {
        Event event;
        event.type = EventType::allowed;
        event.label = "x";
        event.operation = letters == "x" ? "exec" : "open";
        event.name = name;
        event.denied = letters;
        event.user = 0;
        event.owner = owned ? 0 : 1;
        facts_.push_back(*fact_of(event, "/bin/x"));
    }

    [[nodiscard]] std::vector<std::string> rules() const {
        std::vector<Seen> seen;
        for (const auto& fact : facts_) seen.push_back({&fact, 1});
        std::vector<std::string> result;
        for (const auto& rule : file_rules(seen)) result.push_back(rule.text);
        return result;
    }

private:
    std::deque<Fact> facts_;
};

TEST_F(FileRules, OneFileIsOneRule) {
    use("/srv/a", "r");
    use("/srv/a", "wc");
    EXPECT_THAT(rules(), ElementsAre("/srv/a rw"));
}

TEST_F(FileRules, OfTheOwnerWhereAllWereHis) {
    use("/srv/a", "r", true);
    use("/srv/b", "wc", true);
    use("/srv/b", "r");
    EXPECT_THAT(rules(), ElementsAre("owner /srv/a r", "/srv/b r", "owner /srv/b w"));
}

TEST_F(FileRules, WhatEverybodyMayIsNotSaidOfTheOwner) {
    use("/srv/a", "r", true);
    use("/srv/a", "r");
    EXPECT_THAT(rules(), ElementsAre("/srv/a r"));
}

TEST_F(FileRules, OfTheImageForEverybody) {
    use("/etc/passwd", "r", true);
    use("/etc/own", "wc", true);
    EXPECT_THAT(rules(), ElementsAre("/etc/passwd r", "owner /etc/own w"));
}

TEST_F(FileRules, FilesOfOneFolderThatAreUsedInTheSameWayAreOne) {
    for (const char* name : {"passwd", "group", "hosts"}) use(std::string("/etc/") + name, "r");
    use("/etc/mtab", "rk");
    EXPECT_THAT(rules(), ElementsAre("/etc/mtab rk", "/etc/{group,hosts,passwd} r"));
}

TEST_F(FileRules, ThoseOfManyNamesAreSeveral) {
    for (char c = 'a'; c < 'i'; ++c) use("/etc/" + std::string(39, c), "r");
    EXPECT_EQ(rules().size(), 2U);
}

TEST_F(FileRules, ProgramsAreAlwaysNamed) {
    for (const char* name : {"cat", "sed", "sh", "sort", "tr", "uname"}) {
        use(std::string("/usr/bin/") + name, "x");
        use(std::string("/usr/bin/") + name, "mr");
    }
    use("/tmp/1234/run", "x");
    EXPECT_THAT(rules(), ElementsAre("/tmp/[0-9]*/run ix", "/usr/bin/{cat,sed,sh,sort,tr,uname} mrix"));
}

TEST_F(FileRules, AFolderInWhichFilesWereMade) {
    use("/var/log/nginx/access.log", "wac");
    use("/var/log/nginx/error.log", "wc");
    use("/run/nginx.pid", "wc");
    EXPECT_THAT(rules(), ElementsAre("/run/nginx.pid w", "/var/log/nginx/* w"));
}

TEST_F(FileRules, AFolderInWhichFoldersWereMade) {
    use("/var/lib/nginx/", "r");
    for (const char* name : {"body/", "proxy/", "body/0000000001"}) use(std::string("/var/lib/nginx/") + name, "wcd", true);
    EXPECT_THAT(rules(), ElementsAre("/var/lib/nginx/{,**} r", "owner /var/lib/nginx/{,**} w"));
}

TEST_F(FileRules, OneFileMadesNoFolder) {
    use("/var/lib/redis/dump.rdb", "wc");
    EXPECT_THAT(rules(), ElementsAre("/var/lib/redis/dump.rdb w"));
}

TEST_F(FileRules, SharedFoldersAreNoOnesOwn) {
    for (const char* name : {"/run/a", "/run/b", "/etc/x/a", "/etc/x/b", "/dev/x1", "/dev/x2", "/usr/share/a", "/usr/share/b"})
        use(name, "wc");
    EXPECT_THAT(rules(), ElementsAre("/etc/x/{a,b} w", "/run/{a,b} w", "/usr/share/{a,b} w", "/dev/{x1,x2} w"));
}

TEST_F(FileRules, FoldersThatAreReadAsAWhole) {
    for (const char* name : {"a", "b", "c", "d"}) use(std::string("/usr/share/zoneinfo/") + name, "r");
    for (const char* name : {"x/a", "x/b", "y/c", "y/d", "z/e", "z/f"}) use(std::string("/app/") + name, "r");
    EXPECT_THAT(rules(), ElementsAre("/app/** r", "/usr/share/zoneinfo/* r"));
}

TEST_F(FileRules, SecretsAndTheKernelAreNeverReadAsAWhole) {
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        use(std::string("/run/secrets/") + name, "r");
        use(std::string("/proc/sys/net/") + name, "r");
        use(std::string("/etc/") + name, "r");
    }
    EXPECT_THAT(rules(), ElementsAre("/etc/{a,b,c,d,e} r", "/run/secrets/{a,b,c,d,e} r", "@{PROC}/sys/net/{a,b,c,d,e} r"));
}

TEST_F(FileRules, LibrariesOfAFolder) {
    for (const char* name : {"a.so", "b.cpython-311.so", "x/c.so.2", "d.so"}) use(std::string("/usr/local/lib/python3.11/") + name, "mr");
    EXPECT_THAT(rules(), ElementsAre("/usr/local/lib/python[0-9]*/**.so* mr"));
}

TEST_F(FileRules, WhatIsExecutedIsNotAmongWhatIsWritten) {
    use("/srv/a", "wc");
    use("/srv/b", "wc");
    use("/srv/b", "x");
    use("/srv/c", "wc");
    EXPECT_THAT(rules(), ElementsAre("/srv/b wix", "/srv/* w"));
}

TEST_F(FileRules, TheOrderOfFactsDoesNotMatter) {
    const std::vector<std::pair<const char*, const char*>> facts = {
        {"/srv/a", "wc"}, {"/srv/b", "r"}, {"/srv/c/", "wc"}, {"/usr/bin/x", "x"}};
    for (const auto& [name, letters] : facts) use(name, letters);
    const auto forward = rules();
    FileRules_TheOrderOfFactsDoesNotMatter_Test other;
    for (auto fact = facts.rbegin(); fact != facts.rend(); ++fact) other.use(fact->first, fact->second);
    EXPECT_EQ(other.rules(), forward);
}

}  // namespace
}  // namespace aa::apparmor
