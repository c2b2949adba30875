// SPDX-License-Identifier: Apache-2.0
#include "oci/path/program.h"

#include <gtest/gtest.h>

#include "oci/path/search.h"

namespace aa::oci {
namespace {

struct Described {
    std::vector<std::string> args;
    const char* expected;
};

TEST(ProgramWord, IsLookedForBehindAnInit) {
    const Described cases[] = {
        {{}, ""},
        {{"nginx", "-g"}, "nginx"},
        {{"/sbin/docker-init", "--", "nginx"}, "nginx"},
        {{"/run/podman-init", "--", "nginx", "-g"}, "nginx"},
        {{"tini", "--"}, "tini"},
        {{"tini"}, "tini"},
        {{"tini", "nginx"}, "nginx"},
        {{"/usr/bin/tini", "-g", "-s", "--", "nginx"}, "nginx"},
        {{"tini", "-p", "SIGKILL", "-e", "143", "nginx"}, "nginx"},
        {{"tini", "-pSIGKILL", "nginx"}, "nginx"},
        {{"tini", "-vvp", "SIGKILL", "nginx"}, "nginx"},
        {{"tini", "--", "-odd"}, "-odd"},
        {{"tini", "-p"}, "tini"},
        {{"dumb-init", "--rewrite", "15:3", "nginx"}, "nginx"},
        {{"dumb-init", "-r", "15:3", "-c", "nginx"}, "nginx"},
        {{"dumb-init", "--rewrite=15:3", "nginx"}, "nginx"},
        {{"/sbin/docker-init", "--", "tini", "--", "nginx"}, "nginx"},
        {{"catatonit", "-P"}, "catatonit"},
        {{"/usr/bin/my-init", "--", "nginx"}, "/usr/bin/my-init"},
        {{"tini", "--", "env", "nginx"}, "env"},
        {{"tini", "--", "sh", "-c", "nginx"}, "sh"},
    };
    for (const auto& c : cases) EXPECT_EQ(program_word(c.args), c.expected) << ::testing::PrintToString(c.args);
}

TEST(DescribedProgram, IsTheOneThatIsMeant) {
    const Described cases[] = {
        {{}, ""},
        {{"nginx"}, "nginx"},
        {{""}, ""},
        {{"env", "A=B", "nginx", "C=D"}, "nginx"},
        {{"/usr/bin/env", "-i", "-u", "HOME", "--chdir", "/x", "--unset=Y", "A=B", "nginx"}, "nginx"},
        {{"env", "--", "A=B", "nginx"}, "nginx"},
        {{"env", "-", "nginx"}, "nginx"},
        {{"env"}, "env"},
        {{"env", "A=B"}, "env"},
        {{"env", "-S", "nginx -g"}, "env"},
        {{"env", "--split-string=nginx -g"}, "env"},
        {{"env", "./a=b"}, "./a=b"},
        {{"sh", "-c", "nginx -g x"}, "nginx"},
        {{"/bin/sh", "-ec", "  exec A=B nginx;"}, "/bin/sh"},
        {{"/bin/sh", "-ec", "\n  exec nginx -g"}, "nginx"},
        {{"bash", "-l", "-c", "A=B C= /usr/bin/nginx", "name"}, "/usr/bin/nginx"},
        {{"sh", "-c", "cd / && nginx"}, "sh"},
        {{"sh", "-c", "if true; then nginx; fi"}, "sh"},
        {{"sh", "-c", "\"nginx\""}, "sh"},
        {{"sh", "-c", "$NGINX"}, "sh"},
        {{"sh", "-c", "A=$B nginx"}, "sh"},
        {{"sh", "-c", "nginx;ls"}, "sh"},
        {{"sh", "-c", "nginx # x"}, "nginx"},
        {{"sh", "-c", ""}, "sh"},
        {{"sh", "-c"}, "sh"},
        {{"sh", "script"}, "sh"},
        {{"sh", "script", "-c", "nginx"}, "sh"},
        {{"sh", "-o", "errexit", "-c", "nginx"}, "sh"},
        {{"bash", "--norc", "-c", "nginx"}, "bash"},
        {{"/sbin/docker-init", "--", "env", "A=B", "sh", "-c", "exec nginx"}, "nginx"},
        {{"tini", "--", "tini", "--", "tini"}, "tini"},
    };
    for (const auto& c : cases) EXPECT_EQ(described_program(c.args), c.expected) << ::testing::PrintToString(c.args);
}

std::vector<std::string> all(Candidates candidates) {
    std::vector<std::string> paths;
    while (auto path = candidates.next()) paths.push_back(*std::move(path));
    return paths;
}

TEST(PathSearch, CandidatesOfEachRuntime) {
    struct Case {
        const char* word;
        const char* path;
        std::vector<std::string> runc;
        std::vector<std::string> crun;
    };
    const Case cases[] = {
        {"x", "/a:/b", {"/a/x", "/b/x"}, {"/a/x", "/b/x"}},
        {"x", "", {}, {"/x"}},
        {"x", ":/a:", {"/w/x", "/a/x", "/w/x"}, {"/x", "/a/x", "/x"}},
        {"x", "a", {"/w/a/x"}, {"/w/a/x"}},
        {"x", ".", {"/w/x"}, {"/w/./x"}},
        {"x", "..", {"/w/../x"}, {"/w/../x"}},
        {"x", "a/../../b", {"/w/../b/x"}, {"/w/a/../../b/x"}},
        {"x", "../../a/..", {"/w/../../x"}, {"/w/../../a/../x"}},
        {"x", "/a/../../b//c/.", {"/b/c/x"}, {"/a/../../b//c/./x"}},
        {".x", "/a", {"/a/.x"}, {"/w/.x"}},
        {"..", "/a", {"/"}, {"/w/.."}},
    };
    for (const auto& c : cases) {
        ProcessSpec spec;
        spec.path = c.path;
        spec.path_present = true;
        spec.cwd = "/w";
        EXPECT_EQ(all(Candidates(RuntimeKind::runc, c.word, spec)), c.runc) << c.path;
        EXPECT_EQ(all(Candidates(RuntimeKind::crun, c.word, spec)), c.crun) << c.path;
    }
}

}  // namespace
}  // namespace aa::oci
