// SPDX-License-Identifier: Apache-2.0
//
// aa-deed LABEL DEED: does one thing under the AppArmor profile LABEL that a profile may deny, and says "DEED: done" or "DEED: errno N"
// ("DEED: not here", where the kernel has no such thing). aa-deed alone: lists the deeds. What a deed needs is made below /tmp/deed before
// the label is changed, in a mount namespace of its own. Nothing that it needs besides is denied by the profile of the test.
#define _GNU_SOURCE  // unshare, memfd, pivot_root's namespace
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define D "/tmp/deed/"
#define ODD D "a b\n\"{x,y}*?[z]@{HOME}^,#\\x41\xff\xc3\xa4"
enum { kOwner = 1000 };

static const char* label;
static pid_t victim;  // an unconfined process
static int open_before = -1;
static int life[2];  // a pipe that ends with us: nobody who is confined could kill its children

static void wait_for_end(void) {
    char byte = 0;
    close(life[1]);
    while (read(life[0], &byte, 1) != 0) continue;
    _exit(0);
}

static int opened(const char* path, int flags) { return open(path, flags | O_CLOEXEC, 0644); }
static int attr(const char* file, const char* command, const char* name) {
    char path[64];
    char text[256];
    snprintf(path, sizeof path, "/proc/self/attr/apparmor/%s", file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int size = snprintf(text, sizeof text, "%s %s", command, name);
    int result = fd < 0 || write(fd, text, (size_t)size) != size ? -1 : 0;
    int error = errno;
    close(fd);
    errno = error;
    return result;
}
static int change(const char* name) { return attr("current", "changeprofile", name); }

// As the kernel has it: a change that does nothing would make every deed one of the unconfined.
static int is_under(const char* name) {
    char text[256] = "";
    int fd = open("/proc/self/attr/apparmor/current", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 && strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == ' ';
}

static int do_read(void) { return opened(D "file", O_RDONLY); }
static int do_read_odd(void) { return opened(ODD, O_RDONLY); }
static int do_write(void) { return opened(D "file", O_WRONLY); }
static int do_append(void) { return opened(D "file", O_WRONLY | O_APPEND); }
static int do_create(void) { return opened(D "new", O_WRONLY | O_CREAT); }
static int do_list(void) { return opened(D "folder", O_RDONLY | O_DIRECTORY); }
static int do_mkdir(void) { return mkdir(D "made", 0755); }
static int do_rmdir(void) { return rmdir(D "folder"); }
static int do_unlink(void) { return unlink(D "file"); }
static int do_symlink(void) { return symlink("file", D "symlink"); }
static int do_mknod(void) { return mknod(D "fifo", S_IFIFO | 0644, 0); }
static int do_truncate(void) { return truncate(D "file", 0); }
static int do_chmod(void) { return chmod(D "file", 0600); }
static int do_chown(void) { return chown(D "file", kOwner, kOwner); }
static int do_rename(void) { return rename(D "file", D "renamed"); }
static int do_rename_folder(void) { return rename(D "folder", D "renamed"); }
static int do_link(void) { return link(D "file", D "linked"); }
static int do_lock(void) {
    struct flock lock = {.l_type = F_RDLCK};
    int fd = opened(D "readable", O_RDONLY);
    return fd < 0 ? -1 : fcntl(fd, F_SETLK, &lock);
}
static int do_map(void) {
    int fd = opened(D "readable", O_RDONLY);
    return fd < 0 || mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0;
}
static int do_exec(void) {
    execl(D "program", "exec", (char*)NULL);
    return -1;
}
static int do_exec_missing(void) {
    execl(D "exec-missing", "exec-missing", (char*)NULL);
    return -1;
}
static int as_owner(void) { return setresuid(kOwner, kOwner, kOwner); }
static int do_read_own(void) { return as_owner() != 0 ? -1 : opened(D "own", O_RDONLY); }

static int do_tcp(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int do_raw(void) { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static int do_udp6(void) { return socket(AF_INET6, SOCK_DGRAM, 0); }
static int do_netlink(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static int do_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int unix_address(struct sockaddr_un* address, const char* name) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + 1, name, strlen(name));
    return (int)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}
static int do_unix_bind(void) {
    struct sockaddr_un address;
    int size = unix_address(&address, "deed bound");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? -1 : bind(fd, (struct sockaddr*)&address, (socklen_t)size);
}
static int do_unix_connect(void) {
    struct sockaddr_un address;
    int size = unix_address(&address, "deed-listens");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr*)&address, (socklen_t)size);
}
static int do_unix_file(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = D "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr*)&address, sizeof address);
}

static int do_capability(void) { return sethostname("deed", 4); }
static int do_signal(void) { return kill(victim, SIGWINCH); }
static int do_signal_rt(void) { return kill(victim, SIGRTMIN + 6); }
static int do_signal_exists(void) { return kill(victim, 0); }
static int do_receive(void) { return 0; }  // see main()
static int do_ptrace(void) { return (int)ptrace(PTRACE_SEIZE, victim, 0, 0); }
static int do_ptrace_read(void) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/environ", victim);
    return opened(path, O_RDONLY);
}

static int do_mount(void) { return mount("tmpfs", D "folder", "tmpfs", MS_NOSUID | MS_NODEV, NULL); }
static int do_bind(void) { return mount(D "folder", D "mnt", NULL, MS_BIND, NULL); }
static int do_rbind(void) { return mount(D "folder", D "mnt", NULL, MS_BIND | MS_REC, NULL); }
static int do_remount(void) { return mount("none", D "tmpfs", NULL, MS_REMOUNT | MS_RDONLY, NULL); }
static int do_private(void) { return mount("none", D "tmpfs", NULL, MS_PRIVATE, NULL); }
static int do_move(void) { return mount(D "tmpfs", D "mnt", NULL, MS_MOVE, NULL); }
static int do_umount(void) { return umount2(D "tmpfs", MNT_DETACH); }
static int do_pivot(void) { return (int)syscall(SYS_pivot_root, D "tmpfs", D "tmpfs/old"); }

static int do_userns(void) { return as_owner() != 0 ? -1 : unshare(CLONE_NEWUSER); }
static int do_change(void) { return change("aa-deed-other"); }
static int do_onexec(void) { return attr("exec", "exec", "aa-deed-other"); }
static int do_onexec_missing(void) { return attr("exec", "exec", "aa-deed-missing"); }
static int do_rlimit(void) {
    struct rlimit limit = {2 << 20, 2 << 20};
    return setrlimit(RLIMIT_MEMLOCK, &limit);
}
static int do_inherit(void) {
    if (opened(D "readable", O_RDONLY) < 0) return -1;
    int fd = open(D "readable", O_RDONLY);
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    execl(D "other", "other", "inherited", number, (char*)NULL);
    return -1;
}
static int do_uring(void) {
    struct io_uring_params parameters = {.flags = IORING_SETUP_SQPOLL};
    return (int)syscall(SYS_io_uring_setup, 1, &parameters);
}
static int do_queue(void) { return mq_open("/deed", O_RDWR | O_CREAT, 0600, NULL); }
static int do_disconnected(void) { return openat(open_before, "inside", O_RDONLY | O_CLOEXEC); }
static int do_deleted(void) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", open_before);
    return opened(path, O_RDONLY);
}

static const struct {
    const char* name;
    int (*does)(void);
} kDeeds[] = {
    {"read", do_read},
    {"read-odd", do_read_odd},
    {"read-own", do_read_own},
    {"write", do_write},
    {"append", do_append},
    {"create", do_create},
    {"list", do_list},
    {"mkdir", do_mkdir},
    {"rmdir", do_rmdir},
    {"unlink", do_unlink},
    {"symlink", do_symlink},
    {"mknod", do_mknod},
    {"truncate", do_truncate},
    {"chmod", do_chmod},
    {"chown", do_chown},
    {"rename", do_rename},
    {"rename-folder", do_rename_folder},
    {"link", do_link},
    {"lock", do_lock},
    {"map", do_map},
    {"exec", do_exec},
    {"exec-missing", do_exec_missing},
    {"tcp", do_tcp},
    {"raw", do_raw},
    {"udp6", do_udp6},
    {"netlink", do_netlink},
    {"unix", do_unix},
    {"unix-bind", do_unix_bind},
    {"unix-connect", do_unix_connect},
    {"unix-file", do_unix_file},
    {"capability", do_capability},
    {"signal", do_signal},
    {"signal-rt", do_signal_rt},
    {"signal-exists", do_signal_exists},
    {"receive", do_receive},
    {"ptrace", do_ptrace},
    {"ptrace-read", do_ptrace_read},
    {"mount", do_mount},
    {"bind", do_bind},
    {"rbind", do_rbind},
    {"remount", do_remount},
    {"private", do_private},
    {"move", do_move},
    {"umount", do_umount},
    {"pivot", do_pivot},
    {"userns", do_userns},
    {"change", do_change},
    {"onexec", do_onexec},
    {"onexec-missing", do_onexec_missing},
    {"rlimit", do_rlimit},
    {"inherit", do_inherit},
    {"uring", do_uring},
    {"queue", do_queue},
    {"disconnected", do_disconnected},
    {"deleted", do_deleted},
};
enum { kCount = sizeof kDeeds / sizeof *kDeeds };

static void copy(const char* from, const char* to) {
    char buffer[65536];
    ssize_t size = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    while ((size = read(in, buffer, sizeof buffer)) > 0) {
        if (write(out, buffer, (size_t)size) != size) _exit(3);
    }
    close(in);
    close(out);
}
static void make(const char* path) { close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)); }

// On a tmpfs of its own, as what is mediated are names in a mount namespace.
static void prepare(const char* deed) {
    mkdir("/tmp/deed", 0755);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) _exit(3);
    if (mount("tmpfs", "/tmp/deed", "tmpfs", 0, "mode=755") != 0) _exit(3);
    const char* const folders[] = {D "folder", D "mnt", D "tmpfs"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; ++i) mkdir(folders[i], 0755);
    if (mount("tmpfs", D "tmpfs", "tmpfs", 0, NULL) != 0) _exit(3);
    mkdir(D "tmpfs/old", 0755);
    make(D "tmpfs/inside");
    const char* const files[] = {D "file", ODD, D "own", D "readable"};
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i) make(files[i]);
    if (chown(D "own", kOwner, kOwner) != 0) _exit(3);
    const char* const programs[] = {D "program", D "exec-missing", D "other"};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; ++i) copy("/proc/self/exe", programs[i]);
    struct sockaddr_un address;
    int size = unix_address(&address, "deed-listens");
    int abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un file = {.sun_family = AF_UNIX, .sun_path = D "socket"};
    int named = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(abstract, (struct sockaddr*)&address, (socklen_t)size) != 0 || listen(abstract, 1) != 0) _exit(3);
    if (bind(named, (struct sockaddr*)&file, sizeof file) != 0 || listen(named, 1) != 0) _exit(3);
    if (strcmp(deed, "disconnected") == 0) {
        open_before = open(D "tmpfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        umount2(D "tmpfs", MNT_DETACH);
    }
    if (strcmp(deed, "deleted") == 0) {
        open_before = open(D "file", O_RDONLY | O_CLOEXEC);
        unlink(D "file");
    }
}

static void quiet(int signal_number) { (void)signal_number; }

// The deed in a child that waits to be sent a signal by us, who are unconfined.
static int receive(void) {
    int ready[2];
    if (pipe(ready) != 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        char byte = 0;
        if (change(label) != 0 || !is_under(label) || write(ready[1], &byte, 1) != 1) _exit(3);
        wait_for_end();
    }
    char byte = 0;
    int result = read(ready[0], &byte, 1) == 1 ? kill(child, SIGTERM) : -1;
    return result;
}

int main(int argc, char** argv) {
    if (strcmp(argv[0], "exec") == 0 || strcmp(argv[0], "exec-missing") == 0) return printf("%s: done\n", argv[0]) < 0;
    if (strcmp(argv[0], "other") == 0) {
        char byte = 0;
        errno = 0;
        return printf("inherit: %s\n", read(atoi(argv[2]), &byte, 1) < 0 ? "errno" : "done") < 0;
    }
    for (size_t i = 0; argc == 1 && i < kCount; ++i) printf("%s\n", kDeeds[i].name);
    if (argc != 3) return argc != 1;
    label = argv[1];
    size_t deed = 0;
    while (deed < kCount && strcmp(kDeeds[deed].name, argv[2]) != 0) ++deed;
    if (deed == kCount) return 2;
    signal(SIGWINCH, quiet);
    signal(SIGRTMIN + 6, quiet);
    if (pipe2(life, O_CLOEXEC) != 0) return 3;
    victim = fork();
    if (victim == 0) wait_for_end();
    prepare(argv[2]);
    int result = 0;
    if (strcmp(argv[2], "receive") == 0) {
        result = receive();
    } else if (change(label) != 0 || !is_under(label)) {
        return 3;
    } else {
        result = kDeeds[deed].does();
    }
    if (result >= 0) printf("%s: done\n", argv[2]);
    if (result < 0) printf("%s: %s %d\n", argv[2], errno == ENOSYS || errno == EAFNOSUPPORT ? "not here" : "errno", errno);
    fflush(stdout);
    return 0;
}
