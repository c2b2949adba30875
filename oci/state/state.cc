// SPDX-License-Identifier: Apache-2.0
#include "oci/state/state.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/bundle/bundle.h"
#include "oci/json/json.h"
#include "oci/state/runc_state.h"

namespace aa::oci {
namespace {

// A state.json holds the container's whole configuration once more, and little else.
constexpr std::size_t kMaxStateBytes = 2 * kMaxConfigBytes;
constexpr std::size_t kMaxStatBytes = 4096;

// ---- the state directory

Result<std::string> make_absolute(std::string_view path) {
    if (path.starts_with('/')) return std::string(path);
    std::array<char, PATH_MAX> cwd{};
    if (::getcwd(cwd.data(), cwd.size()) == nullptr)
        return errno_error("find the working directory that --root is relative to,", path, errno);
    return concat({cwd.data(), "/", path});
}

std::string_view environment(const char* name) {
    const char* value = ::getenv(name);
    return value != nullptr ? std::string_view(value) : std::string_view();
}

// runc rootless_linux.go, shouldHonorXDGRuntimeDir.
bool runc_honours_xdg() { return ::geteuid() != 0 || (in_user_namespace() && environment("USER") != "root"); }

// ---- the files

Result<Fd> open_in(int dir_fd, const std::string& name, std::string_view shown, int flags) {
    Fd fd(::openat(dir_fd, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return errno_error("open", shown, errno);
    TRY(require_trusted(fd.get(), shown));
    return fd;
}

Result<Buffer> read_state_file(int dir_fd, const std::string& directory, const std::string& name) {
    const std::string path = concat({directory, "/", name});
    const Fd fd = TRY(open_in(dir_fd, name, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return read_file(fd.get(), kMaxStateBytes, path);
}

Error wrong_state(const std::string& directory, std::string_view name, std::string_view problem) {
    return {ErrorKind::config, concat({quote(concat({directory, "/", name})), ": ", problem})};
}

Result<void> finish(json::Reader& reader, const std::string& directory, std::string_view name) {
    const auto finished = reader.finish();
    if (!finished) return wrong_state(directory, name, finished.error().message);
    return {};
}

// ---- the init process

struct InitProcess {
    std::int64_t pid = 0;
    std::int64_t start = 0;  // in clock ticks since boot
};

struct ProcessStat {
    char state = 0;
    unsigned long long start = 0;
};

// Fields 3 and 22 of a /proc/PID/stat (proc(5)). The name in field 2 is the process's own choice and may hold spaces and
// parentheses, so counting begins after the last one.
std::optional<ProcessStat> parse_stat(std::string_view text) {
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string_view::npos) return std::nullopt;
    std::string_view rest = text.substr(name_end + 1);
    ProcessStat stat;
    for (int field = 3; rest.starts_with(' '); ++field) {
        rest.remove_prefix(1);
        const std::string_view word = rest.substr(0, rest.find(' '));
        if (field == 3 && word.size() == 1) stat.state = word[0];
        if (field == 22) return parse_decimal(word, stat.start) ? std::optional(stat) : std::nullopt;
        rest.remove_prefix(word.size());
    }
    return std::nullopt;
}

// The pid, if it is still the process that the runtime started: pids are used again. A zombie counts as gone, as it does
// for runc (libcontainer/container_linux.go, currentStatus).
Result<pid_t> living_pid(const InitProcess& init) {
    if (init.pid <= 0 || init.start <= 0 || init.pid > std::numeric_limits<pid_t>::max()) return 0;
    const auto path = concat({"/proc/", decimal(init.pid), "/stat"});
    const auto text = read_virtual_file(AT_FDCWD, path, kMaxStatBytes);
    if (!text && text.error().kind == ErrorKind::not_found) return 0;
    if (!text) return text.error();
    const auto stat = parse_stat(*text);
    // Not "gone": nobody watches the start of what is gone.
    if (!stat) return Error{ErrorKind::system, concat({quote(path), " does not tell when the process was started"})};
    if (stat->start != static_cast<unsigned long long>(init.start)) return 0;
    return stat->state == 'Z' || stat->state == 'X' || stat->state == 'x' ? 0 : static_cast<pid_t>(init.pid);
}

// ---- runc

// runc keeps the annotations as labels "KEY=VALUE" and adds its own "bundle=DIRECTORY" after them (libcontainer
// specconv/spec_linux.go), so only the last label of that name is runc's word.
std::optional<std::string> take_bundle(StringMap& labels) {
    for (std::size_t i = labels.size(); i-- > 0;) {
        if (labels[i].first != "bundle") continue;
        std::string bundle = std::move(labels[i].second);
        labels.erase(labels.begin() + static_cast<std::ptrdiff_t>(i));
        return bundle;
    }
    return std::nullopt;
}

Result<ContainerState> read_runc_state(int dir_fd, const std::string& directory) {
    const Buffer document = TRY(read_state_file(dir_fd, directory, "state.json"));
    auto read = parse_runc_state_quickly(document.text());
    if (!read) return wrong_state(directory, "state.json", read.error().message);
    auto bundle = take_bundle(read->labels);
    if (!bundle) return wrong_state(directory, "state.json", "it does not tell the container's bundle");
    return ContainerState{TRY(living_pid({read->init_pid, read->init_start})), std::move(*bundle), std::move(read->labels),
                          read->user_namespace};
}

// ---- crun

bool is_user_namespace(json::Reader& reader) {
    bool found = false;
    reader.object([&](const json::Text& key) {
        if (key == "type") {
            found = reader.string() == "user";
        } else {
            reader.skip();
        }
    });
    return found;
}

bool has_user_namespace(json::Reader& reader) {
    bool found = false;
    if (reader.null()) return false;
    reader.object([&](const json::Text& key) {
        if (key == "namespaces" && !reader.null()) {
            reader.array([&] { found = is_user_namespace(reader) || found; });
        } else if (key != "namespaces") {
            reader.skip();
        }
    });
    return found;
}

// What crun keeps of the bundle's config.json.
Result<void> read_crun_config(int dir_fd, const std::string& directory, ContainerState& state) {
    const Buffer document = TRY(read_state_file(dir_fd, directory, "config.json"));
    json::Reader reader(document.text());
    reader.object([&](const json::Text& key) {
        if (key == "annotations") {
            state.annotations = read_string_map(reader);
        } else if (key == "linux") {
            state.user_namespace = has_user_namespace(reader);
        } else {
            reader.skip();
        }
    });
    return finish(reader, directory, "config.json");
}

Result<ContainerState> read_crun_state(int dir_fd, const std::string& directory) {
    const Buffer document = TRY(read_state_file(dir_fd, directory, "status"));
    ContainerState state;
    InitProcess init;
    json::Reader reader(document.text());
    reader.object([&](const json::Text& key) {
        if (key == "pid") {
            init.pid = reader.integer();
        } else if (key == "process-start-time") {
            init.start = reader.integer();
        } else if (key == "bundle") {
            state.bundle = reader.string().decoded();
        } else {
            reader.skip();
        }
    });
    TRY(finish(reader, directory, "status"));
    if (state.bundle.empty()) return wrong_state(directory, "status", "it does not tell the container's bundle");
    TRY(read_crun_config(dir_fd, directory, state));
    state.init_pid = TRY(living_pid(init));
    return state;
}

}  // namespace

std::string_view ContainerState::annotation(std::string_view key) const { return find_value(annotations, key).value_or(""); }

bool waits_for_start(const std::string& root, std::string_view id) {
    return ::access(concat({root, "/", id, "/exec.fifo"}).c_str(), F_OK) == 0;
}

bool is_valid_id(std::string_view id) {
    constexpr std::size_t kLongestName = NAME_MAX;
    if (id.empty() || id.size() > kLongestName || id == "." || id == "..") return false;
    for (const char c : id) {
        const bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!word && c != '_' && c != '+' && c != '.' && c != '-') return false;
    }
    return true;
}

Result<std::string> state_root(const CommandLine& line, RuntimeKind kind) {
    if (!line.root.empty()) return make_absolute(line.root);
    const std::string_view name = kind == RuntimeKind::runc ? "/runc" : "/crun";
    const std::string_view xdg = environment("XDG_RUNTIME_DIR");
    if (!xdg.empty() && (kind == RuntimeKind::crun || runc_honours_xdg())) return make_absolute(concat({xdg, name}));
    return concat({"/run", name});
}

Result<ContainerState> read_container_state(const std::string& root, std::string_view id, RuntimeKind kind) {
    if (!is_valid_id(id))
        return Error{ErrorKind::usage,
                     concat({quote(id), " is no container ID: letters, digits and _+.- are allowed, at most 255 of them"})};
    const auto read = [&]() -> Result<ContainerState> {
        const Fd root_fd = TRY(open_file(AT_FDCWD, root, O_PATH | O_DIRECTORY));
        TRY(require_trusted(root_fd.get(), root));
        const std::string directory = concat({root, "/", id});
        const Fd dir_fd = TRY(open_in(root_fd.get(), std::string(id), directory, O_PATH | O_DIRECTORY));
        return kind == RuntimeKind::runc ? read_runc_state(dir_fd.get(), directory) : read_crun_state(dir_fd.get(), directory);
    };
    auto state = read();
    if (!state) return std::move(state).error().context(concat({"read the state of container ", quote(id)}));
    return state;
}

}  // namespace aa::oci
