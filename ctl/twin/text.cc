// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>

#include "apparmor/source/profile_words.h"
#include "base/text.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {
namespace {

using apparmor::ProfileWords;
using apparmor::Statement;

// What the shipped profiles have mediated, and so what is learned (apparmor/source/policy_abi.h).
constexpr std::string_view kAbi = "include if exists <aa-shim/abi>\nabi <abi/3.0>,\n\n";

// What no container should ever do: reach the kernel's memory, code and switches, or leave the twin. That takes a write to one of the files
// of its own label (and one system call, which aa-shim has the runtime filter): "deny change_profile" does not hold in complain mode.
constexpr std::string_view kNever = R"(  deny /{,**/}attr/{,apparmor/}{current,exec} wl,
  deny capability sys_module,
  deny capability sys_rawio,
  deny capability sys_boot,
  deny capability mac_admin,
  deny capability mac_override,
  deny ptrace (trace, read) peer=unconfined,
  deny /dev/{mem,kmem,port} rwklmx,
  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklmx,
  deny /proc/{acpi,bus,fs,irq,scsi}/** wkl,
  deny /proc/sys/kernel/{core_pattern,core_pipe_limit,hotplug,modprobe,poweroff_cmd,panic*,kptr_restrict,modules_disabled} wkl,
  deny /proc/sys/vm/panic_on_oom wkl,
  deny /proc/sys/fs/binfmt_misc/** wkl,
  deny /sys/{firmware,module,power,kernel/debug,kernel/security,kernel/tracing}/** wkl,
  deny /sys/kernel/uevent_helper wkl,
  deny /sys/fs/cgroup/**/release_agent wkl,
)";

std::string_view unquoted(std::string_view word) {
    if (word.size() < 2 || word.front() != '"' || word.back() != '"') return word;
    return word.substr(1, word.size() - 2);
}

bool is_header_of(const Statement& statement, std::string_view profile) {
    if (statement.end != Statement::End::open || statement.words.empty()) return false;
    const bool has_word = statement.words[0] == "profile" && statement.words.size() > 1;
    return unquoted(statement.words[has_word ? 1 : 0]) == profile;
}

bool is_part_of_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_-./:").find(c) != std::string_view::npos;
}

// WORD with NAME in place of PROFILE where that stands by itself, or with its children behind it.
std::string replaced(std::string_view word, std::string_view profile, std::string_view name) {
    std::string out;
    std::size_t from = 0;
    for (;;) {
        const std::size_t at = word.find(profile, from);
        if (at == std::string_view::npos) return out.append(word.substr(from));
        const auto rest = word.substr(at + profile.size());
        const bool begins = at == 0 || !is_part_of_name(word[at - 1]) || word.substr(0, at).ends_with("//");
        const bool ends = rest.empty() || !is_part_of_name(rest.front()) || rest.starts_with("//");
        out.append(word.substr(from, at - from)).append(begins && ends ? name : profile);
        from = at + profile.size();
    }
}

// Whether the words of STATEMENT from its word AT on may name profiles: a peer, a label, the profile to change to.
bool names_profiles(const Statement& statement, std::size_t at) {
    const auto& word = statement.words[at];
    const bool has_target = at > 0 && statement.words[at - 1] == "->";
    return has_target || word.find("peer=") != std::string::npos || word.find("label=") != std::string::npos;
}

// The flags that a profile has beside its mode, which is to be the usual one.
std::string enforced_flags(const Statement& header) {
    std::string out;
    for (const auto& word : header.words) {
        const std::size_t open = word.find('(');
        if (!word.starts_with("flags") || open == std::string::npos) continue;
        std::string_view rest = std::string_view(word).substr(open + 1, word.rfind(')') - open - 1);
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find_first_of(", \t"), rest.size());
            const auto flag = rest.substr(0, end);
            const bool is_mode = flag == "complain" || flag == "unconfined" || flag == "prompt" || flag == "default_allow" ||
                                 flag == "kill" || flag == "enforce";
            if (!flag.empty() && !is_mode) out += concat({out.empty() ? "" : ",", flag});
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return out.empty() ? out : concat({"flags=(", out, ") "});
}

}  // namespace

std::string complaining_twin(std::string_view name) {
    return concat({kAbi, "profile ", name, " flags=(complain,attach_disconnected,mediate_deleted) {\n", kNever, "  audit /** ix,\n}\n"});
}

std::string empty_profile(std::string_view name) {
    return concat({kAbi, "profile ", name, " flags=(attach_disconnected,mediate_deleted) {\n}\n"});
}

std::optional<std::string> renamed_profile(std::string_view text, std::string_view profile, std::string_view name) {
    ProfileWords words(text);
    std::string out;
    std::size_t copied = 0;  // of TEXT
    std::size_t depth = 0;
    bool inside = false;
    while (const auto statement = words.next()) {
        const bool opens = statement->end == Statement::End::open;
        if (depth == 0 && opens && !statement->words.empty()) {
            inside = is_header_of(*statement, profile);
            out.append(text.substr(copied, statement->offsets[0] - copied));
            if (inside) out += concat({"profile ", name, " ", enforced_flags(*statement), "{"});
            copied = statement->stop;
        }
        for (std::size_t i = 0; inside && depth > 0 && i < statement->words.size(); ++i) {
            if (!names_profiles(*statement, i)) continue;
            const std::size_t at = statement->offsets[i];
            out.append(text.substr(copied, at - copied)).append(replaced(statement->words[i], profile, name));
            copied = at + statement->words[i].size();
        }
        if (opens) ++depth;
        if (statement->end != Statement::End::close || depth == 0) continue;
        if (--depth > 0) continue;
        if (inside) return out.append(text.substr(copied, statement->stop - copied)).append("\n");
        copied = statement->stop;
    }
    return std::nullopt;
}

}  // namespace aa::ctl
