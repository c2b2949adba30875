// SPDX-License-Identifier: Apache-2.0
//
// A tree of programs, and every way to look for one in it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "oci/path/container_path.h"
#include "tests/oci/tree.h"

namespace aa::oci::test {

inline ProcessSpec process(std::string path = "/bin:/srv", std::string cwd = "/srv") {
    ProcessSpec spec;
    spec.path = std::move(path);
    spec.path_present = true;
    spec.cwd = std::move(cwd);
    return spec;
}

// The path, or "missing", "no program" or "unknown".
inline std::string shown(const Result<ProgramFile>& program) {
    if (program) return program->path;
    if (program.error().kind == ErrorKind::denied) return "no program";
    return program.error().kind == ErrorKind::not_found ? "missing" : "unknown";
}

// Every way to resolve a path in one and the same tree.
class Roots {
public:
    explicit Roots(const Tree& tree) : inhabitant_(tree) {
        add("bundle", ContainerRoot::of_bundle(tree.bundle(), "rootfs"));
        if (!Inhabitant::possible()) return;
        EXPECT_TRUE(inhabitant_.ready());
        add("kernel", ContainerRoot::of_process(inhabitant_.pid(), {}, Resolver::kernel));
        add("walk", ContainerRoot::of_process(inhabitant_.pid(), {}, Resolver::walk));
    }
    [[nodiscard]] const std::vector<std::pair<const char*, ContainerRoot>>& all() const { return roots_; }

private:
    void add(const char* name, Result<ContainerRoot> root) {
        ASSERT_TRUE(root.has_value()) << root.error().message;
        roots_.emplace_back(name, *std::move(root));
    }
    Inhabitant inhabitant_;
    std::vector<std::pair<const char*, ContainerRoot>> roots_;
};

inline void add_programs(const Tree& tree) {
    for (const char* path : {"usr/bin/busybox", "srv/app", "srv/sub/tool", "srv/a (deleted)", "srv/new\nline", "srv/\xff\xfe", "srv/run"}) {
        tree.add_file(std::string("rootfs/") + path);
    }
    tree.add_file("rootfs/usr/bin/data", 0644);
    tree.add_link("rootfs/bin", "usr/bin");
    tree.add_link("rootfs/usr/bin/sh", "/usr/bin/busybox");
    tree.add_link("rootfs/usr/bin/ls", "busybox");
    tree.add_link("rootfs/usr/bin/escape", "../../../../../../../../etc/passwd");
    tree.add_link("rootfs/usr/bin/dangling", "nowhere");
    tree.add_link("rootfs/usr/bin/loop", "loop");
    tree.add_link("rootfs/srv/deep", "sub/../../srv/sub");
    for (int i = 0; i < 41; ++i) tree.add_link("rootfs/chain/" + std::to_string(i), i == 0 ? "/srv/app" : std::to_string(i - 1));
    ASSERT_EQ(::mkfifo(tree.root("/usr/bin/fifo").c_str(), 0755), 0);
    ASSERT_TRUE(::geteuid() != 0 || ::mknod(tree.root("/usr/bin/device").c_str(), S_IFCHR | 0755, 0x103) == 0);
}

}  // namespace aa::oci::test
