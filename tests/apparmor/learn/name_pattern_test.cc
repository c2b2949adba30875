// SPDX-License-Identifier: Apache-2.0
//
// Which parts of a name stand for more than themselves.
#include "apparmor/learn/name_pattern.h"

#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

struct Case {
    NameUse use;
    const char* name;
    const char* pattern;
};

constexpr Case kCases[] = {
    {NameUse::read, "/", "/"},
    {NameUse::read, "/etc/passwd", "/etc/passwd"},
    {NameUse::read, "/etc/", "/etc/"},
    // Processes, as recordings have them.
    {NameUse::read, "/proc/1/status", "@{PROC}/@{pid}/status"},
    {NameUse::read, "/proc/1/task/1/comm", "@{PROC}/@{pid}/task/@{tid}/comm"},
    {NameUse::read, "/proc/1/fd/17", "@{PROC}/@{pid}/fd/[0-9]*"},
    {NameUse::read, "/proc/sys/vm/overcommit_memory", "@{PROC}/sys/vm/overcommit_memory"},
    {NameUse::read, "/srv/proc/1/status", "/srv/proc/[0-9]*/status"},
    // Architectures, versions.
    {NameUse::read, "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/@{multiarch}/libc.so.[0-9]*"},
    {NameUse::read, "/usr/lib/x86_64-linux-gnu/libssl.so.3.0.17", "/usr/lib/@{multiarch}/libssl.so.[0-9]*"},
    {NameUse::read, "/usr/lib/python3.11/os.py", "/usr/lib/python[0-9]*/os.py"},
    {NameUse::read, "/usr/lib/postgresql/15/lib/plpgsql.so", "/usr/lib/postgresql/[0-9]*/lib/plpgsql.so"},
    {NameUse::read, "/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.[0-9]*"},
    {NameUse::executed, "/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/[0-9]*/bin/postgres"},
    {NameUse::executed, "/usr/bin/python3.11", "/usr/bin/python3.11"},
    {NameUse::read, "/usr/bin/python3.11", "/usr/bin/python3.11"},
    {NameUse::executed, "/usr/bin/sha256sum", "/usr/bin/sha256sum"},
    // Numbers, times, hashes.
    {NameUse::made, "/var/cache/nginx/0000000012", "/var/cache/nginx/[0-9]*"},
    {NameUse::made, "/var/lib/postgresql/15/main/base/5/1259_fsm", "/var/lib/postgresql/[0-9]*/main/base/[0-9]*/[0-9]*_fsm"},
    {NameUse::made, "/var/log/app-2024-05-17T10:22:01.log", "/var/log/app-[0-9]*.log"},
    {NameUse::made, "/data/temp-20241.rdb", "/data/temp-[0-9]*.rdb"},
    {NameUse::read, "/srv/f81d4fae-7dec-11d0-a765-00a0c91e6bf6/x", "/srv/*/x"},
    {NameUse::read, "/srv/static/app.3f2a9c81.js", "/srv/static/app.*.js"},
    {NameUse::read, "/srv/main2.py", "/srv/main2.py"},
    {NameUse::read, "/srv/ISO-8859-1", "/srv/ISO-[0-9]*"},
    // What looks like chance, where it was made.
    {NameUse::made, "/tmp/sess_8fh2k3j4", "/tmp/sess_*"},
    {NameUse::made, "/tmp/ngx.Ab3dE9", "/tmp/ngx.*"},
    {NameUse::made, "/etc/sedx8Kq2L", "/etc/sed*"},
    {NameUse::made, "/tmp/tmp8fh2k3j4", "/tmp/tmp*"},
    {NameUse::made, "/tmp/tmp12", "/tmp/tmp12"},
    {NameUse::read, "/usr/lib/lib2to3/x", "/usr/lib/lib2to3/x"},
    {NameUse::made, "/var/log/nginx/access.log", "/var/log/nginx/access.log"},
    // Without a name of their own.
    {NameUse::made, "/memfd:shared", "/memfd:*"},
    {NameUse::made, "/SYSV0052e2c1", "/SYSV*"},
    {NameUse::made, "/a/memfd:x", "/a/memfd:x"},
    // All else is a name, whatever it holds.
    {NameUse::read, "/srv/a b", R"("/srv/a b")"},
    {NameUse::read, "/srv/**", R"("/srv/\*\*")"},
    {NameUse::read, "/srv/@{HOME}/x", R"("/srv/@\{HOME\}/x")"},
    {NameUse::read, "/srv/a,b\n/etc/shadow rw,", R"("/srv/a\,b\012/etc/shadow rw\,")"},
    {NameUse::read, "/srv/\"x\\", R"("/srv/\"x\134")"},
    {NameUse::read, "/srv/\033[2J\xff", R"("/srv/\033\[2J\377")"},
};

TEST(NamePattern, KeepsWhatIsTheSameAtAnyTime) {
    for (const auto& row : kCases) EXPECT_EQ(spelled(parts_of(row.name, row.use)), row.pattern) << row.name;
}

TEST(NamePattern, OfSeveralNames) {
    EXPECT_EQ(any_of({"a"}), "a");
    EXPECT_EQ(any_of({"a", "b"}), "{a,b}");
}

}  // namespace
}  // namespace aa::apparmor
