// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/policy_key.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/text.h"

namespace aa::apparmor {

namespace fs = std::filesystem;

namespace {

// Raised when what is compiled, or how it is kept, depends on something else in aa-shimctl.
constexpr std::string_view kGeneration = "aa-shim compiled policy 1\n";
constexpr std::size_t kMaxProgram = 64UL << 20U;
constexpr std::size_t kMaxText = 4UL << 20U;
constexpr std::string_view kBlank = " \t\r";

// Options of parser.conf that say all by themselves, and those that name a file (apparmor_parser(8)). Others, as more directories of includes, are
// not understood here.
constexpr std::array<std::string_view, 12> kPlainOptions = {"quiet",           "verbose",       "write-cache", "show-cache", "skip-cache",
                                                            "skip-read-cache", "Optimize",      "warn",        "Werror",     "jobs",
                                                            "max-jobs",        "abort-on-error"};
constexpr std::array<std::string_view, 4> kFileOptions = {"policy-features", "features-file", "kernel-features", "override-policy-abi"};

std::string time_of(const struct stat& st) {
    return concat(
        {decimal(st.st_mtim.tv_sec), ".", decimal(st.st_mtim.tv_nsec), " ", decimal(st.st_ctim.tv_sec), ".", decimal(st.st_ctim.tv_nsec)});
}

template <class Names>
bool holds(const Names& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Files by which a key is made; nothing more is added once one cannot be read.
class Ingredients {
public:
    // A file that may be missing.
    void add_file(std::string_view what, const std::string& path, std::size_t limit) {
        const auto text = read(path, limit);
        if (text) add(what, path, sha256(text->text()));
    }

    // When PATH, which may be missing, was written.
    void add_times(std::string_view what, const std::string& path) {
        struct stat st {};
        if (::stat(path.c_str(), &st) == 0) return add(what, path, time_of(st));
        if (errno != ENOENT && errno != ENOTDIR) return fail();
        add(what, path, "none");
    }

    // The parser: a script in its place could run anything.
    void add_program(const std::string& path) {
        const auto bytes = read(path, kMaxProgram);
        if (!bytes || !bytes->text().starts_with("\x7f"
                                                 "ELF"))
            return fail();
        add("program", path, sha256(bytes->text()));
    }

    // What is written in CONFIGURATION, with the files that it names.
    void add_configuration(const std::string& path) {
        const auto bytes = read(path, kMaxText);
        if (!bytes) return;
        add("configuration", path, sha256(bytes->text()));
        for (std::string_view line : lines(bytes->text())) {
            line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
            line = line.substr(0, line.find_last_not_of(kBlank) + 1);
            if (line.empty() || line[0] == '#') continue;
            const std::size_t end = std::min(line.find_first_of(" \t="), line.size());
            const auto value = line.substr(std::min(line.find_first_not_of(" \t=", end), line.size()));
            if (holds(kFileOptions, line.substr(0, end))) {
                if (!value.starts_with('/')) return fail();
                add_file("features", std::string(value), kMaxText);
            } else if (!holds(kPlainOptions, line.substr(0, end))) {
                return fail();
            }
        }
    }

    // All files below DIRECTORY, which may be missing.
    void add_tree(std::string_view what, const std::string& directory) {
        std::error_code error;
        std::vector<std::string> files;
        if (!fs::exists(directory, error)) return error ? fail() : add(what, directory, "none");
        for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
            if (at->is_regular_file(error)) files.push_back(at->path());
        }
        if (error) return fail();
        std::sort(files.begin(), files.end());
        for (const auto& file : files) add_virtual_file(what, file);
    }

    // A file of the kernel's, which has to be there.
    void add_virtual_file(std::string_view what, const std::string& path) {
        const auto text = read_virtual_file(AT_FDCWD, path, kMaxText);
        if (!text) return fail();
        add(what, path, *text);
    }

    void add(std::string_view what, std::string_view name, std::string_view value) {
        text_ += concat({what, " ", decimal(static_cast<long long>(name.size())), " ", name, " ",
                         decimal(static_cast<long long>(value.size())), " ", value, "\n"});
    }

    [[nodiscard]] std::optional<PolicyKey> key() const {
        if (failed_) return std::nullopt;
        return PolicyKey{sha256(text_), sha256(stamps_)};
    }

private:
    void fail() { failed_ = true; }

    // The bytes of PATH; nothing if it is missing, or that cannot be told, which fails.
    std::optional<Buffer> read(const std::string& path, std::size_t limit) {
        const auto fd = open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        struct stat st {};
        if (!fd && fd.error().kind == ErrorKind::not_found) {
            add("none", path, {});
            return std::nullopt;
        }
        auto bytes = fd && ::fstat(fd->get(), &st) == 0 ? read_file(fd->get(), limit, path) : Result<Buffer>(Error{});
        if (!bytes) {
            fail();
            return std::nullopt;
        }
        stamps_ += stamp_of(st) + "\n";
        return *std::move(bytes);
    }

    std::string text_ = std::string(kGeneration);
    std::string stamps_;
    bool failed_ = false;
};

}  // namespace

const std::optional<PolicyKey>& PolicyKeys::surroundings(const ParserCall& call) {
    const auto [place, is_new] = surroundings_.try_emplace(call);
    if (!is_new) return place->second;
    Ingredients ingredients;
    ingredients.add_program(call.program);
    ingredients.add_times("libraries", places_.libraries);
    ingredients.add_configuration(places_.configuration);
    if (!call.features.empty()) ingredients.add_file("features", call.features, kMaxText);
    ingredients.add_tree("kernel", places_.kernel_features);
    ingredients.add_virtual_file("kernel", places_.kernel_release);
    place->second = ingredients.key();
    return place->second;
}

std::optional<PolicyKey> PolicyKeys::of(const ParserCall& call, const std::string& file) {
    const auto& around = surroundings(call);
    if (!around) return std::nullopt;
    std::error_code error;
    const auto name = file.substr(file.rfind('/') + 1);
    for (const std::string_view kind : {"disable", "force-complain"}) {
        // Told by lstat(2), so that a link to nowhere counts.
        if (fs::symlink_status(concat({places_.base, "/", kind, "/", name}), error).type() != fs::file_type::not_found) return std::nullopt;
    }
    auto inputs = inputs_.find(call.includes);
    if (inputs == inputs_.end()) {
        // The parser does not leave our working directory.
        const auto working = fs::current_path(error);
        if (error) return std::nullopt;
        inputs = inputs_.emplace(call.includes, ParserInputs({call.includes, places_.base, working})).first;
    }
    const auto state = inputs->second.state_of(file);
    if (!state) return std::nullopt;
    return PolicyKey{sha256(concat({around->digest, "\n", state->digest})), concat({around->stamp, state->stamp})};
}

}  // namespace aa::apparmor
