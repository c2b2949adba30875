// SPDX-License-Identifier: Apache-2.0
#include "ctl/twin/twin.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "apparmor/source/parser_process.h"
#include "apparmor/source/policy_abi.h"
#include "apparmor/source/profile_files.h"
#include "base/file.h"
#include "base/text.h"
#include "shim/learning.h"

namespace aa::ctl {
namespace {

constexpr std::string_view kBaseline = "aa-shim-baseline";
constexpr std::size_t kMaxSource = std::size_t{4} << 20;

// Where the parser finds the abi of the shipped profiles, for as long as it lives; only root can write beside it.
class Abi {
public:
    static Result<Abi> make() {
        std::string directory = "/run/aa-shim/.twin.XXXXXX";
        TRY(make_directory("/run/aa-shim", 0755));
        if (::mkdtemp(directory.data()) == nullptr) return errno_error("make the directory", directory, errno);
        Abi abi(std::move(directory));
        TRY(apparmor::write_policy_abi(abi.directory_));
        return abi;
    }
    Abi(Abi&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}
    Abi& operator=(Abi&&) = delete;
    ~Abi() {
        std::error_code ignored;
        if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
    }

    [[nodiscard]] const std::string& directory() const { return directory_; }

private:
    explicit Abi(std::string directory) : directory_(std::move(directory)) {}
    std::string directory_;
};

Result<void> load_text(const apparmor::Kernel& kernel, const std::string& text) { return kernel.replace_policy(TRY(compile_text(text))); }

// The text that the one file in DIRECTORIES has that defines PROFILE.
Result<std::string> source_of(const std::vector<std::string>& directories, const std::string& profile) {
    apparmor::ProfileFiles files(TRY(apparmor::Parser::find()), directories);
    const auto found = TRY(files.defining(profile));
    if (found.size() != 1) {
        return Error{ErrorKind::not_found, concat({found.empty() ? "no file defines " : "several files define ", quote(profile)})};
    }
    const Fd fd = TRY(open_file(AT_FDCWD, found.front(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    TRY(require_trusted(fd.get(), found.front()));
    return std::string(TRY(read_file(fd.get(), kMaxSource, found.front())).text());
}

// Loads the rules of PROFILE under NAME.
Result<void> load_copy(const apparmor::Kernel& kernel, const std::vector<std::string>& directories, const std::string& profile,
                       const std::string& name) {
    const auto text = renamed_profile(TRY(source_of(directories, profile)), profile, name);
    if (!text) return Error{ErrorKind::not_found, concat({"the file of ", quote(profile), " does not spell its name"})};
    return load_text(kernel, *text);
}

bool is_a_twin(std::string_view name) { return shim::is_twin(name) && shim::learning_file(name.substr(shim::kTwinPrefix.size())); }

// Has TWIN enforce, and takes away what was left of whoever learned from it.
Result<std::string> settle(const apparmor::Kernel& kernel, const std::vector<std::string>& directories, const Twin& twin) {
    const auto left = shim::LearningPlace(kernel).left(twin.confinement);
    const auto profile = left && *left ? (*left)->profile : std::string();
    remove_learning(twin.confinement);
    if (twin.in_place) {
        return concat({"the learning from confinement ", quote(twin.confinement),
                       " in place was not ended: ", TRY(put_back(kernel, twin.confinement))});
    }
    return concat({"the learning from confinement ", quote(twin.confinement),
                   " was not ended: ", TRY(load_enforcing(kernel, directories, twin.name, profile))});
}

}  // namespace

Result<std::string> compile_text(const std::string& text) {
    const auto abi = TRY(Abi::make());
    const auto parser = TRY(apparmor::Parser::find()).including(abi.directory());
    auto run = TRY(parser.compile_input(text, {}));
    if (!run.ok()) return Error{ErrorKind::config, concat({"apparmor_parser does not take it: ", last_words(run)})};
    return std::move(run.output);
}

Result<std::vector<Twin>> find_twins(const apparmor::Kernel& kernel, const TwinPlaces& places) {
    constexpr std::string_view kComplains = " (complain)";
    const shim::LearningPlace place(kernel, places.learning.c_str());
    std::vector<Twin> twins;
    const auto loaded = TRY(kernel.loaded_profiles());
    for (const auto line : lines(loaded)) {
        const auto name = line.substr(0, line.rfind(" ("));
        if (!is_a_twin(name)) continue;
        Twin twin{std::string(name), std::string(name.substr(shim::kTwinPrefix.size())), line.ends_with(kComplains), false};
        const auto learning = place.of(twin.confinement);
        twin.is_learned = learning && *learning && (*learning)->twin == twin.name;
        twins.push_back(std::move(twin));
    }
    for (const auto& one : TRY(find_in_place(kernel, places.in_place)))
        twins.push_back({one.profile, one.confinement, one.complains, one.is_held, true});
    return twins;
}

Result<void> load_complaining(const apparmor::Kernel& kernel, const std::string& name) {
    return load_text(kernel, complaining_twin(name)).context(concat({"the twin ", quote(name)}));
}

Result<std::string> load_enforcing(const apparmor::Kernel& kernel, const std::vector<std::string>& directories, const std::string& name,
                                   const std::string& profile) {
    const auto rules_of = [&](std::string_view whose) { return concat({"profile ", quote(name), " now enforces ", whose}); };
    std::string why = "whose twin it is, is not known";
    if (!profile.empty()) {
        const auto copied = load_copy(kernel, directories, profile, name);
        if (copied) return rules_of(concat({"the rules of ", quote(profile)}));
        why = copied.error().message;
    }
    if (load_copy(kernel, directories, std::string(kBaseline), name)) {
        return rules_of(concat({"the rules of ", quote(kBaseline), " (", why, ")"}));
    }
    TRY(load_text(kernel, empty_profile(name)).context(concat({"the twin ", quote(name), " still complains"})));
    return rules_of(concat({"no rules, and so forbids everything (", why, ")"}));
}

void remove_learning(std::string_view confinement) {
    for (const auto& name : {std::string(confinement), shim::calls_file(confinement)})
        (void)::unlink(concat({shim::kLearningDirectory, "/", name}).c_str());
    (void)::rmdir(shim::kLearningDirectory);
}

Result<std::vector<std::string>> settle_twins(const apparmor::Kernel& kernel, const std::vector<std::string>& directories) {
    std::vector<std::string> done;
    for (const auto& twin : TRY(find_twins(kernel))) {
        if ((twin.complains || twin.in_place) && !twin.is_learned) done.push_back(TRY(settle(kernel, directories, twin)));
    }
    return done;
}

}  // namespace aa::ctl
