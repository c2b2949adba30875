// SPDX-License-Identifier: Apache-2.0
//
// aa-probe [COMMAND…]: a program for test hosts that tells in one line what the kernel made of it (uid, AT_SECURE, the five
// capability sets, device and inode of its file, its AppArmor label), then does the commands in turn:
//
//   read FILE, touch FILE          tries it, and says "read FILE: done" or "read FILE: errno N"
//   socket FAMILY TYPE             opens one, by these numbers, and says so in the same way
//   userns                         enters a new user namespace, and says "user namespace: done" or "user namespace: errno N"
//   run PROGRAM [ARG…]             PROGRAM as a child, to its end; says "run PROGRAM: errno N" if it could not be executed
//   become PROGRAM [ARG…]          the same without a process of its own
//   exchange COUNTER A B           renames A and B to each other, for ever
//   audit-limit [N]                sets how many messages the kernel's audit queue takes; says "audit limit: N", as it is then
//   flip COUNTER LINK TARGET…      makes LINK point to one TARGET after the other, for ever
//   sleep                          for ever
//
// COUNTER is a file that holds, in text, how often that was done.
#define _GNU_SOURCE  // renameat2, unshare
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kLabelSize = 4096, kPathSize = 4096 };

static void report(const char* command, const char* file, int error) {
    if (error == 0) {
        printf("%s %s: done\n", command, file);
    } else {
        printf("%s %s: errno %d\n", command, file, error);
    }
    fflush(stdout);
}

// From /proc: capget(2) tells less, what AppArmor would let the program use of them.
static void print_capabilities(void) {
    FILE* status = fopen("/proc/self/status", "re");
    char line[256];
    char name[4];
    unsigned long long set = 0;
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "Cap%3[A-Za-z]: %llx", name, &set) == 2) printf(" %s=%llx", name, set);
    }
    if (status != NULL) fclose(status);
}

static void print_label(void) {
    char label[kLabelSize] = "?";
    int fd = open("/proc/self/attr/apparmor/current", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t size = read(fd, label, sizeof label - 1);
        label[size > 0 ? size : 0] = '\0';
        label[strcspn(label, "\n")] = '\0';
        close(fd);
    }
    printf(" label=%s\n", label);
}

static void introduce(void) {
    struct stat file = {0};
    stat("/proc/self/exe", &file);
    printf("uid=%u secure=%lu exe=%lu:%lu", getuid(), getauxval(AT_SECURE), file.st_dev, file.st_ino);
    print_capabilities();
    print_label();
    fflush(stdout);
}

static int try_open(const char* file, int flags) {
    int fd = open(file, flags | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

static int try_socket(const char* family, const char* type) {
    int fd = socket(atoi(family), atoi(type) | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

static int try_user_namespace(void) { return unshare(CLONE_NEWUSER) == 0 ? 0 : errno; }

static void become(char** words) {
    execv(words[0], words);
    report("run", words[0], errno);
}

static int run(char** words) {
    pid_t child = fork();
    if (child == 0) {
        become(words);
        _exit(126);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// Writes the count and pauses at random now and then (40 ms at most): on a machine with one processor, whoever is raced against
// is met at every point of its work, and still gets on with it. An odd number of changes lies between two pauses.
static void pace(int counter, unsigned long count) {
    if (count % 3 != 0) return;
    char text[32];
    int size = snprintf(text, sizeof text, "%lu\n", count);
    if (pwrite(counter, text, (size_t)size, 0) < 0) return;
    struct timespec pause = {.tv_nsec = rand() % 40000000};
    nanosleep(&pause, NULL);
}

static int open_counter(const char* path) { return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); }

static void exchange(const char* path, const char* first, const char* second) {
    int counter = open_counter(path);
    for (unsigned long count = 1;; ++count) {
        if (renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE) != 0) {
            report("exchange", first, errno);
            return;
        }
        pace(counter, count);
    }
}

static void flip(const char* path, const char* link, char** targets) {
    int counter = open_counter(path);
    char beside[kPathSize];
    snprintf(beside, sizeof beside, "%s.new", link);
    char** target = targets;
    for (unsigned long count = 1;; ++count) {
        unlink(beside);
        if (symlink(*target, beside) != 0 || rename(beside, link) != 0) {
            report("flip", link, errno);
            return;
        }
        if (*++target == NULL) target = targets;
        pace(counter, count);
    }
}

// Asks the kernel's audit system for TYPE, with STATUS, which then is what it says of itself if it was asked for that; an errno.
static int ask_audit(int fd, unsigned short type, struct audit_status* status) {
    struct {
        struct nlmsghdr head;
        struct audit_status status;
    } message = {{sizeof message, type, NLM_F_REQUEST | NLM_F_ACK, 0, 0}, *status};
    if (send(fd, &message, sizeof message, 0) < 0) return errno;
    for (int answers = type == AUDIT_GET ? 2 : 1; answers > 0; --answers) {
        memset(&message, 0, sizeof message);
        if (recv(fd, &message, sizeof message, 0) < 0) return errno;
        if (message.head.nlmsg_type == AUDIT_GET) *status = message.status;
    }
    return 0;
}

static int audit_limit(const char* limit) {
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    struct audit_status status = {0};
    int error = fd < 0 ? errno : 0;
    if (error == 0 && limit != NULL) {
        status.mask = AUDIT_STATUS_BACKLOG_LIMIT;
        status.backlog_limit = (unsigned)atoi(limit);
        error = ask_audit(fd, AUDIT_SET, &status);
    }
    if (error == 0) error = ask_audit(fd, AUDIT_GET, &status);
    if (error != 0) {
        report("audit", "limit", error);
    } else {
        printf("audit limit: %u\n", status.backlog_limit);
    }
    return error;
}

int main(int argc, char** argv) {
    introduce();
    srand((unsigned)getpid());
    char** end = argv + argc;
    for (char** word = argv + 1; word < end; ++word) {
        const long left = end - word - 1;
        if (strcmp(*word, "sleep") == 0) {
            for (;;) pause();
        } else if (strcmp(*word, "read") == 0 && left >= 1) {
            report("read", word[1], try_open(word[1], O_RDONLY));
            ++word;
        } else if (strcmp(*word, "touch") == 0 && left >= 1) {
            report("touch", word[1], try_open(word[1], O_WRONLY | O_CREAT));
            ++word;
        } else if (strcmp(*word, "socket") == 0 && left >= 2) {
            report("socket", word[1], try_socket(word[1], word[2]));
            word += 2;
        } else if (strcmp(*word, "userns") == 0) {
            report("user", "namespace", try_user_namespace());
        } else if (strcmp(*word, "audit-limit") == 0) {
            return audit_limit(left >= 1 ? word[1] : NULL);
        } else if (strcmp(*word, "run") == 0 && left >= 1) {
            return run(word + 1);
        } else if (strcmp(*word, "become") == 0 && left >= 1) {
            become(word + 1);
            return 126;
        } else if (strcmp(*word, "exchange") == 0 && left == 3) {
            exchange(word[1], word[2], word[3]);
            return 1;
        } else if (strcmp(*word, "flip") == 0 && left >= 3) {
            flip(word[1], word[2], word + 3);
            return 1;
        } else {
            fprintf(stderr, "aa-probe: there is no command '%s' with so many words\n", *word);
            return 2;
        }
    }
    return 0;
}
