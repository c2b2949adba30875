// SPDX-License-Identifier: Apache-2.0
//
// Tree: a directory of a test's own with a root file system below it, and a process that lives in that as in a container.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace aa::oci {

class Tree {
public:
    Tree() : directory_((std::filesystem::temp_directory_path() / "aa-tree-XXXXXX").string()) {
        if (::mkdtemp(directory_.data()) == nullptr) std::abort();
        std::filesystem::permissions(directory_, std::filesystem::perms(0755));
        std::filesystem::create_directory(directory_ + "/rootfs");
    }
    ~Tree() { std::filesystem::remove_all(directory_); }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    [[nodiscard]] const std::string& bundle() const { return directory_; }
    [[nodiscard]] std::string root(std::string_view path = "") const { return directory_ + "/rootfs" + std::string(path); }

    // PATH is below the bundle.
    void add_directory(const std::string& path, mode_t mode = 0755) const {
        std::filesystem::create_directories(directory_ + "/" + path);
        EXPECT_EQ(::chmod((directory_ + "/" + path).c_str(), mode), 0);
    }
    void add_file(const std::string& path, mode_t mode = 0755, std::string_view text = "") const {
        std::filesystem::create_directories(std::filesystem::path(directory_ + "/" + path).parent_path());
        std::ofstream(directory_ + "/" + path) << text;
        EXPECT_EQ(::chmod((directory_ + "/" + path).c_str(), mode), 0);
    }
    void add_link(const std::string& path, const std::string& target) const {
        std::filesystem::create_directories(std::filesystem::path(directory_ + "/" + path).parent_path());
        EXPECT_EQ(::symlink(target.c_str(), (directory_ + "/" + path).c_str()), 0);
    }

private:
    std::string directory_;
};

// A process whose root is the rootfs of a tree, in a mount namespace of its own. SETUP is run in there, by root.
class Inhabitant {
public:
    explicit Inhabitant(
        const Tree& tree, const std::function<bool()>& setup = [] { return true; }) {
        int ends[2];
        if (::pipe(ends) != 0) std::abort();
        Fd read_end(ends[0]);
        Fd write_end(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            if (enter(tree.root()) && setup()) (void)!::write(write_end.get(), "+", 1);
            write_end.reset();
            while (true) ::pause();
        }
        write_end.reset();
        char ready = 0;
        ready_ = ::read(read_end.get(), &ready, 1) == 1;
    }
    ~Inhabitant() {
        ::kill(pid_, SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
    }
    Inhabitant(const Inhabitant&) = delete;
    Inhabitant& operator=(const Inhabitant&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool ready() const { return ready_; }

    // Whether this process may make such a one.
    static bool possible() {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(::unshare(CLONE_NEWNS) == 0 ? 0 : 1);
        int status = 1;
        (void)::waitpid(child, &status, 0);
        return status == 0;
    }

private:
    static bool enter(const std::string& root) {
        const char* path = root.c_str();
        return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) == 0 && ::chdir(path) == 0 &&
               ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0;
    }

    pid_t pid_ = -1;
    bool ready_ = false;
};

}  // namespace aa::oci
