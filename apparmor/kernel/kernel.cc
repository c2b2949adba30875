// SPDX-License-Identifier: Apache-2.0
#include "apparmor/kernel/kernel.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "apparmor/kernel/profile_name.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

// More than the kernel prints for a label: one page, and a mode.
constexpr std::size_t kMaxTaskLabel = 8192;
// Some hundred thousand profiles.
constexpr std::size_t kMaxProfileList = 16UL << 20U;
// What one load may bring.
constexpr std::size_t kMaxPolicy = 64UL << 20U;

struct ModeName {
    std::string_view name;
    Mode mode;
};
// security/apparmor/policy.c, aa_profile_mode_names; "user" is what the parser calls prompt.
constexpr std::array<ModeName, 7> kModes{{
    {"enforce", Mode::enforce},
    {"complain", Mode::complain},
    {"kill", Mode::kill},
    {"unconfined", Mode::unconfined},
    {"prompt", Mode::prompt},
    {"user", Mode::prompt},
    {"mixed", Mode::mixed},
}};

Mode mode_of(std::string_view name) {
    for (const auto& known : kModes) {
        if (known.name == name) return known.mode;
    }
    return Mode::unknown;
}

std::string_view without_line_end(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
    return text;
}

// A question about a file under PROFILE: which answer comes does not matter, only that there is one. The form is that of
// libapparmor's aa_query_label(): "label", NUL, the name, NUL, the class (2: files), the path.
std::string label_query(std::string_view profile) {
    using namespace std::string_view_literals;
    return concat({"label\0"sv, profile, "\0\2/"sv});
}

}  // namespace

std::string_view mode_name(Mode mode) {
    for (const auto& known : kModes) {
        if (known.mode == mode) return known.name;
    }
    return "unknown";
}

TaskLabel parse_task_label(std::string_view text) {
    text = without_line_end(text);
    if (text == "unconfined") return {"unconfined", Mode::unconfined};
    // A profile name may itself hold " (": the mode is the last parenthesis.
    const std::size_t open = text.rfind(" (");
    if (open == std::string_view::npos || text.back() != ')') return {std::string(text), Mode::unknown};
    return {std::string(text.substr(0, open)), mode_of(text.substr(open + 2, text.size() - open - 3))};
}

std::string Kernel::path(std::string_view name) const { return concat({securityfs_, "/apparmor/", name}); }

Error Kernel::missing_interface() const {
    struct statfs fs {};
    if (::statfs(securityfs_.c_str(), &fs) != 0 || fs.f_type != SECURITYFS_MAGIC) {
        return {ErrorKind::system, concat({"AppArmor cannot be reached: securityfs is not mounted at ", quote(securityfs_),
                                           "; run: mount -t securityfs securityfs ", securityfs_})};
    }
    return {ErrorKind::system, concat({"AppArmor cannot be reached: ", quote(path(".access")),
                                       " is missing although securityfs is mounted; is this a container?"})};
}

Result<void> Kernel::require_enabled() const {
    const auto enabled = read_virtual_file(AT_FDCWD, concat({module_, "/parameters/enabled"}), 1);
    if (!enabled && enabled.error().kind == ErrorKind::not_found) {
        return Error{ErrorKind::system, concat({"this kernel has no AppArmor (", quote(module_),
                                                " is missing): boot one that is built with CONFIG_SECURITY_APPARMOR"})};
    }
    if (!enabled) return enabled.error();
    if (*enabled != "Y") {
        return Error{ErrorKind::system,
                     "AppArmor is switched off in this kernel: boot it with 'apparmor=1 security=apparmor' on its command line"};
    }
    if (::access(path(".access").c_str(), F_OK) != 0) return missing_interface();
    return {};
}

Result<bool> Kernel::is_profile_loaded(std::string_view profile) const {
    const std::string file = path(".access");
    const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.valid()) return errno == ENOENT ? missing_interface() : errno_error("open", file, errno);
    const std::string query = label_query(profile);
    // One write is one question: it is answered at once or refused at once.
    if (::write(fd.get(), query.data(), query.size()) < 0) {
        if (errno == ENOENT) return false;
        return errno_error("ask the kernel for profile", profile, errno);
    }
    std::array<char, 128> answer{};
    const ssize_t n = ::read(fd.get(), answer.data(), answer.size());
    if (n < 0) return errno_error("read", file, errno);
    if (!std::string_view(answer.data(), static_cast<std::size_t>(n)).starts_with("allow ")) {
        return Error{ErrorKind::system, concat({quote(file), " does not answer as AppArmor does; is it the kernel's?"})};
    }
    return true;
}

Result<bool> Kernel::is_loaded(std::string_view label) const {
    for (const auto component : components(label)) {
        if (!TRY(is_profile_loaded(component))) return false;
    }
    return true;
}

Result<TaskLabel> Kernel::task_label(pid_t pid) const {
    const std::string task = concat({proc_, "/", pid == 0 ? std::string("thread-self") : decimal(pid)});
    auto text = read_virtual_file(AT_FDCWD, concat({task, "/attr/apparmor/current"}), kMaxTaskLabel);
    // Before Linux 5.8 there is only the file that all security modules share.
    if (!text && text.error().kind == ErrorKind::not_found) {
        text = read_virtual_file(AT_FDCWD, concat({task, "/attr/current"}), kMaxTaskLabel);
    }
    if (!text) return std::move(text).error();
    if (without_line_end(*text).empty()) {
        return Error{ErrorKind::system, concat({"the kernel gives no label for process ", decimal(pid), "; is AppArmor on?"})};
    }
    return parse_task_label(*text);
}

Result<std::uint64_t> Kernel::policy_revision() const {
    const std::string file = path("revision");
    const Fd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid()) return errno_error("open", file, errno);
    // One read: a second one would wait for the policy to change.
    std::array<char, 32> text{};
    const ssize_t n = ::read(fd.get(), text.data(), text.size());
    if (n < 0) return errno_error("read", file, errno);
    unsigned long long number = 0;
    if (!parse_decimal(without_line_end({text.data(), static_cast<std::size_t>(n)}), number)) {
        return Error{ErrorKind::system, concat({quote(file), " holds no number; is it the kernel's?"})};
    }
    return std::uint64_t{number};
}

Result<std::string> Kernel::read(std::string_view name) const {
    auto text = TRY(read_binary(name));
    text.resize(without_line_end(text).size());
    return text;
}

Result<std::string> Kernel::read_binary(std::string_view name) const { return read_virtual_file(AT_FDCWD, path(name), kMaxPolicy); }

Result<Mode> Kernel::module_mode() const {
    const auto text = TRY(read_virtual_file(AT_FDCWD, concat({module_, "/parameters/mode"}), 64));
    return mode_of(without_line_end(text));
}

Result<void> Kernel::replace_policy(std::string_view bytes) const {
    const std::string file = path(".replace");
    const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.valid()) return errno == ENOENT ? missing_interface() : errno_error("open", file, errno);
    // One write is one load, whole or refused (security/apparmor/apparmorfs.c, aa_simple_write_to_buffer()).
    if (::write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size())) return {};
    return errno_error("load policy through", file, errno);
}

Result<std::string> Kernel::loaded_profiles() const { return read_virtual_file(AT_FDCWD, path("profiles"), kMaxProfileList); }

}  // namespace aa::apparmor
