// SPDX-License-Identifier: Apache-2.0
#include "shim/program.h"

#include <sys/xattr.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "oci/path/program.h"

namespace aa::shim {
namespace {

// The extended attribute NAME of FILE; nothing if it has none. A descriptor that cannot be read has its attributes all the
// same, by its name in /proc.
std::optional<std::string> extended_attribute(const Fd& file, std::string_view name) {
    constexpr std::size_t kUsual = 256;
    constexpr std::size_t kLongest = 65536;  // XATTR_SIZE_MAX
    const std::string path = concat({"/proc/self/fd/", decimal(file.get())});
    const std::string key(name);
    std::string value(kUsual, '\0');
    ssize_t size = ::getxattr(path.c_str(), key.c_str(), value.data(), value.size());
    if (size < 0 && errno == ERANGE) {
        value.resize(kLongest);
        size = ::getxattr(path.c_str(), key.c_str(), value.data(), value.size());
    }
    if (size < 0) return std::nullopt;
    value.resize(static_cast<std::size_t>(size));
    return value;
}

// PROGRAM, found for WORD, as a process of the host's user UID executes it.
Program described(std::string_view word, oci::ProgramFile program, uid_t uid) {
    Program result{std::string(word), {program.path, program.owner() == uid, {}}};
    const auto file = std::make_shared<Fd>(std::move(program.file));
    result.file.attribute = [file](std::string_view name) { return extended_attribute(*file, name); };
    return result;
}

// Why there is no program for WORD. What is missing for sure is told in the runtimes' own words, which make dockerd report 127 or,
// for what is no program, 126.
Error no_program(Error error, std::string_view word) {
    const auto program = concat({"the program ", quote(word)});
    if (error.kind == ErrorKind::denied) return std::move(error).context(concat({"permission denied: ", program}));
    // Not those that are missing for another reason, such as a link to itself: the runtimes have other words for them.
    const bool does_not_exist = error.kind == ErrorKind::not_found && error.message.ends_with(errno_text(ENOENT));
    if (!does_not_exist) return std::move(error).context(program);
    return {ErrorKind::not_found, concat({program, ": no such file or directory in the container (", error.message, ")"})};
}

Result<Program> find_in(const oci::ContainerRoot& root, const oci::ProcessSpec& spec, CapabilitySet ceiling) {
    const std::string_view word = spec.args.at(0);
    auto found = root.find_program(word, spec, ceiling);
    if (!found) return no_program(std::move(found).error(), word);
    const uid_t uid = TRY(root.host_uid(spec.uid));
    return described(word, *std::move(found), uid);
}

}  // namespace

Result<const oci::ContainerRoot*> BundleRoot::get() {
    return root_.get([this]() -> Result<oci::ContainerRoot> {
        return oci::ContainerRoot::of_bundle(bundle_, config_.root_path, config_.mounts, TRY(config_.id_maps()));
    });
}

Result<const oci::ContainerRoot*> RunningRoot::get() {
    return root_.get([this]() -> Result<oci::ContainerRoot> {
        auto maps = state_.user_namespace ? TRY(oci::IdMaps::of_process(state_.init_pid)) : oci::IdMaps();
        return oci::ContainerRoot::of_process(state_.init_pid, std::move(maps));
    });
}

Result<Program> find_program(RunningRoot& root, const oci::ProcessSpec& spec, CapabilitySet ceiling) {
    return find_in(*TRY(root.get()), spec, ceiling);
}

Result<Program> find_program(BundleRoot& root, const oci::ProcessSpec& spec, CapabilitySet ceiling) {
    return find_in(*TRY(root.get()), spec, ceiling);
}

Result<FirstProgram> find_first_program(BundleRoot& bundle, CapabilitySet ceiling) {
    const auto& config = bundle.config();
    const auto& root = *TRY(bundle.get());
    const uid_t uid = TRY(root.host_uid(config.process.uid));
    std::string_view word = config.process.args.at(0);
    auto found = root.find_program(word, config.process, ceiling);
    FirstProgram first;
    first.behind_init = found && oci::is_engine_init(*found);
    if (first.behind_init) {
        word = oci::program_word(config.process.args);
        found = root.find_program(word, config.process, ceiling);
    }
    if (!found) return no_program(std::move(found).error(), word);
    first.program = described(word, *std::move(found), uid);
    return first;
}

}  // namespace aa::shim
