// SPDX-License-Identifier: Apache-2.0
//
// First and only program of a virtual machine that asks its kernel about AppArmor policy. For each folder /batch/N it loads
// the policies named in `order`, answers the lines of `questions`, and removes the policies; what comes out is text on the
// first disk. It looks at what the kernel does from outside the confined processes, so that a profile needs no rule for it.
#define _GNU_SOURCE  // setresuid
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECURITYFS "/sys/kernel/security/apparmor"
enum { kFieldCount = 6, kQuerySize = 4096, kClassFile = 2 };

static FILE* out;

static void die(const char* what) {
    printf("prober: %s: errno %d\n", what, errno);
    fflush(stdout);
    reboot(RB_POWER_OFF);
}

// The contents of PATH with a NUL behind; NULL if it cannot be read.
static char* contents(const char* path, size_t* size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    size_t capacity = 1U << 16U;
    char* data = malloc(capacity);
    ssize_t got = 0;
    *size = 0;
    while ((got = read(fd, data + *size, capacity - *size - 1)) > 0) {
        *size += (size_t)got;
        if (capacity - *size < 2) data = realloc(data, capacity *= 2);
    }
    close(fd);
    data[*size] = 0;
    return data;
}

// 0, or the errno of writing DATA to PATH at once.
static int put(const char* path, const char* data, size_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    const ssize_t written = write(fd, data, size);
    const int problem = written == (ssize_t)size ? 0 : errno;
    close(fd);
    return problem;
}

// The features below PATH, in the form that apparmor_parser takes.
static void print_features(const char* path) {
    struct dirent** entries = NULL;
    const int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] == '.') continue;
        char name[512];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        fprintf(out, "%s {", entries[i]->d_name);
        size_t size = 0;
        char* text = entries[i]->d_type == DT_DIR ? NULL : contents(name, &size);
        if (text)
            fputs(text, out);
        else
            print_features(name);
        fputs("}\n", out);
        free(text);
    }
}

static void load_policies(const char* batch) {
    char path[512];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/order", batch);
    char* order = contents(path, &size);
    for (char* name = order ? strtok(order, "\n") : NULL; name; name = strtok(NULL, "\n")) {
        snprintf(path, sizeof path, "%s/%s", batch, name);
        char* policy = contents(path, &size);
        if (policy == NULL) die(path);
        fprintf(out, "load\t%s\t%d\n", name, put(SECURITYFS "/.replace", policy, size));
        free(policy);
    }
    free(order);
}

// The kernel knows a stack only while some task has it: a process that does until the pipe HOLD is closed.
static void hold_stack(const int hold[2], const char* label) {
    char command[kQuerySize];
    const int size = snprintf(command, sizeof command, "changeprofile %s", label);
    int ready[2];
    if (pipe(ready) < 0) die("pipe");
    const pid_t pid = fork();
    if (pid == 0) {
        char byte = 0;
        put("/proc/self/attr/current", command, (size_t)size);
        close(hold[1]);
        close(ready[0]);
        close(ready[1]);
        while (read(hold[0], &byte, 1) < 0) {
        }
        _exit(0);
    }
    char byte = 0;
    close(ready[1]);
    while (read(ready[0], &byte, 1) < 0) {
    }
    close(ready[0]);
}

// One answer holds all permissions. The kernel takes root for the owner of what is asked about, and goes by the fsuid.
static void answer_permissions(int access_fd, const int hold[2], const char* label, const char* path, uid_t uid, char end) {
    char query[kQuerySize];
    const size_t label_size = strlen(label) + 1;
    const size_t path_size = strlen(path);
    const size_t size = sizeof "label" + label_size + 1 + path_size;
    if (size > sizeof query) {
        fprintf(out, "error\t0%c", end);
        return;
    }
    memcpy(query, "label", sizeof "label");
    memcpy(query + sizeof "label", label, label_size);
    query[sizeof "label" + label_size] = kClassFile;
    memcpy(query + sizeof "label" + label_size + 1, path, path_size);
    setfsuid(uid);
    ssize_t written = pwrite(access_fd, query, size, 0);
    if (written < 0 && errno == ENOENT && strstr(label, "//&")) {
        setfsuid(0);
        hold_stack(hold, label);
        setfsuid(uid);
        written = pwrite(access_fd, query, size, 0);
    }
    const int problem = errno;
    char reply[256] = "";
    const ssize_t got = written < 0 ? -1 : pread(access_fd, reply, sizeof reply - 1, 0);
    setfsuid(0);
    unsigned int allow = 0;
    if (written < 0)
        fprintf(out, "error\t%d%c", problem, end);
    else if (got <= 0 || sscanf(reply, "allow 0x%x", &allow) != 1)
        fprintf(out, "error\t%d%c", EPROTO, end);
    else
        fprintf(out, "%x%c", allow, end);
}

// Shared with the process that executes: what failed, and how.
struct failure {
    const char* what;
    int number;
};

static void fail(struct failure* failure, const char* what) {
    failure->number = errno;
    failure->what = what;
    _exit(1);
}

// Becomes UID under LABEL and executes PATH, as a process of that label would.
static void execute(struct failure* failure, const char* label, const char* path, uid_t uid) {
    char command[kQuerySize];
    const int size = snprintf(command, sizeof command, "changeprofile %s", label);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0) fail(failure, "ptrace");
    if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0) fail(failure, "setuid");
    prctl(PR_SET_DUMPABLE, 1);  // or /proc/self belongs to root
    const int fd = open("/proc/self/attr/current", O_WRONLY | O_CLOEXEC);
    if (fd < 0) fail(failure, "open attr");
    if (strcmp(label, "unconfined") != 0 && write(fd, command, (size_t)size) != size) fail(failure, "changeprofile");
    char* const arguments[] = {(char*)path, NULL};
    char* const environment[] = {NULL};
    execve(path, arguments, environment);
    fail(failure, "exec");
}

static int secure_flag(pid_t pid) {
    char path[64];
    unsigned long vector[128];
    snprintf(path, sizeof path, "/proc/%d/auxv", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = read(fd, vector, sizeof vector);
    close(fd);
    for (ssize_t i = 0; i + 1 < got / (ssize_t)sizeof *vector; i += 2)
        if (vector[i] == AT_SECURE) return (int)vector[i + 1];
    return -1;
}

// The new program is stopped before its first instruction: it needs no permission for anything.
static void answer_exec(struct failure* failure, const char* label, const char* path, uid_t uid) {
    memset(failure, 0, sizeof *failure);
    const pid_t pid = fork();
    if (pid == 0) execute(failure, label, path, uid);
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSTOPPED(status)) {
        char attribute[64];
        size_t size = 0;
        snprintf(attribute, sizeof attribute, "/proc/%d/attr/current", pid);
        char* current = contents(attribute, &size);
        if (current) current[strcspn(current, "\n")] = 0;
        fprintf(out, "ran\t%s\t%d\n", current ? current : "?", secure_flag(pid));
        free(current);
        ptrace(PTRACE_CONT, pid, 0, SIGKILL);
        waitpid(pid, &status, 0);
    } else if (WIFSIGNALED(status)) {
        fprintf(out, "killed\t%d\n", WTERMSIG(status));
    } else {
        fprintf(out, "%s\t%d\n", failure->what, failure->number);
    }
}

// All permissions of a label on each of the paths, which are lines, in one line.
static void answer_matrix(int access_fd, const int hold[2], const char* label, const char* paths, uid_t uid) {
    char path[kQuerySize];
    for (const char* end = NULL; (end = strchr(paths, '\n')); paths = end + 1) {
        snprintf(path, sizeof path, "%.*s", (int)(end - paths), paths);
        answer_permissions(access_fd, hold, label, path, uid, ' ');
    }
    fputs("\n", out);
}

static void answer_questions(const char* batch, struct failure* failure) {
    char path[512];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/questions", batch);
    char* text = contents(path, &size);
    if (text == NULL) die(path);
    snprintf(path, sizeof path, "%s/paths", batch);
    char* paths = contents(path, &size);
    const int access_fd = open(SECURITYFS "/.access", O_RDWR | O_CLOEXEC);
    if (access_fd < 0) die(".access");
    int hold[2];
    if (pipe2(hold, O_CLOEXEC) < 0) die("pipe");
    char* rest = text;
    for (char* line = NULL; (line = strsep(&rest, "\n")) && *line;) {
        char* field[kFieldCount] = {NULL};
        for (int i = 0; i < kFieldCount && line; i++) field[i] = strsep(&line, "\t");
        if (field[3] == NULL) die("a question has too few fields");
        const uid_t uid = (uid_t)strtoul(field[3], NULL, 10);
        if (field[0][0] == 'p')
            answer_permissions(access_fd, hold, field[1], field[2], uid, '\n');
        else if (field[0][0] == 'm')
            answer_matrix(access_fd, hold, field[1], paths, uid);
        else
            answer_exec(failure, field[1], field[5], uid);
    }
    close(access_fd);
    close(hold[1]);
    while (wait(NULL) > 0) {
    }
    close(hold[0]);
    free(paths);
    free(text);
}

// PROFILES: the kernel's list, as it was read. Children go with their parents.
static void remove_policies(char* profiles) {
    for (char* line = strtok(profiles, "\n"); line; line = strtok(NULL, "\n")) {
        char* mode = strrchr(line, ' ');
        if (mode) *mode = 0;
        if (strstr(line, "//") == NULL && put(SECURITYFS "/.remove", line, strlen(line)) != 0) fprintf(out, "stays\t%s\n", line);
    }
}

static double uptime(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_batch(const char* batch, struct failure* failure) {
    size_t size = 0;
    fprintf(out, "batch\t%s\n", batch + strlen("/batch/"));
    load_policies(batch);
    const double loaded = uptime();
    char* profiles = contents(SECURITYFS "/profiles", &size);
    fprintf(out, "profiles\n%s", profiles);
    fputs("answers\n", out);
    answer_questions(batch, failure);
    free(profiles);
    profiles = contents(SECURITYFS "/profiles", &size);
    remove_policies(profiles);
    free(profiles);
    fprintf(out, "end of batch\n");
    printf("prober: %s: loaded at %.1f s, answered at %.1f s\n", batch, loaded, uptime());
}

static void load_modules(void) {
    struct dirent** entries = NULL;
    const int count = scandir("/modules", &entries, NULL, alphasort);  // there are none where everything is built in
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] == '.') continue;
        char name[512];
        snprintf(name, sizeof name, "/modules/%s", entries[i]->d_name);
        const int module = open(name, O_RDONLY | O_CLOEXEC);
        if (module < 0 || syscall(SYS_finit_module, module, "", 0) < 0) die(name);
        close(module);
    }
}

static void prepare(void) {
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, "");
    mount("sys", "/sys", "sysfs", 0, "");
    mount("dev", "/dev", "devtmpfs", 0, "");
    mount("sec", "/sys/kernel/security", "securityfs", 0, "");
    load_modules();
    out = fopen(access("/dev/ubda", F_OK) == 0 ? "/dev/ubda" : "/dev/vda", "we");
    if (out == NULL) die("the first disk");
    setvbuf(out, NULL, _IOFBF, 1U << 20U);
}

int main(void) {
    prepare();
    struct failure* failure = mmap(NULL, sizeof *failure, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct utsname name;
    uname(&name);
    fprintf(out, "release\t%s\nfeatures\n", name.release);
    print_features(SECURITYFS "/features");
    fputs("end of features\n", out);
    printf("prober: Linux %s at %.1f s\n", name.release, uptime());
    for (int i = 0;; i++) {
        char batch[64];
        snprintf(batch, sizeof batch, "/batch/%d", i);
        if (access(batch, F_OK) != 0) break;
        fflush(out);  // no buffer to inherit
        run_batch(batch, failure);
    }
    fputs("end of answers\n", out);
    fflush(out);
    fsync(fileno(out));
    fflush(stdout);
    reboot(RB_POWER_OFF);
}
