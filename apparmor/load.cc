// SPDX-License-Identifier: Apache-2.0
#include "apparmor/load.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/source/compiled_files.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/policy_abi.h"
#include "apparmor/source/profile_files.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::string_view kNotDefined = "AA502";
constexpr std::string_view kNotKnown = "AA505";

// It finds the abi of policy_abi.h where there is a directory for what it compiles.
Result<Parser> parser_of(const LoadSettings& settings) {
    const auto parser = (settings.parser.empty() ? TRY(Parser::find()) : Parser(settings.parser)).remembering(settings.cache);
    if (settings.compiled.empty()) return parser;
    const auto includes = settings.compiled + "/include";
    TRY(write_policy_abi(includes));
    return parser.including(includes);
}

// The profiles of labels, each once, in the order in which they come.
class NamedProfiles {
public:
    void add_label(std::string_view label, const Origin& origin) {
        for (const auto component : components(label)) {
            if (const std::size_t end = component.find("//"); end != std::string_view::npos) add(component.substr(0, end), origin);
            add(component, origin);
        }
    }

    [[nodiscard]] std::vector<NamedProfile> take() { return std::move(profiles_); }

private:
    void add(std::string_view name, const Origin& origin) {
        if (known_.emplace(name).second) profiles_.push_back({std::string(name), origin});
    }

    std::vector<NamedProfile> profiles_;
    std::set<std::string, std::less<>> known_;
};

// Others must not be able to change what will be enforced.
Result<void> require_trusted_source(const std::string& file) {
    const Fd fd = TRY(open_file(AT_FDCWD, file, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return require_trusted(fd.get(), file);
}

Result<std::string> only_source(const std::string& profile, const std::vector<std::string>& files) {
    if (files.empty()) return std::string();
    if (files.size() > 1) {
        return Error{ErrorKind::config, concat({"profile ", quote(profile), " is defined by two files, ", quote(files[0]), " and ",
                                                quote(files[1]), ": whichever is loaded last would count; remove or rename one"})};
    }
    TRY(require_trusted_source(files[0]));
    return files[0];
}

std::vector<std::string> files_of(const std::vector<ProfileSource>& sources) {
    std::vector<std::string> result;
    std::set<std::string_view> known;
    for (const auto& source : sources) {
        if (!source.file.empty() && known.insert(source.file).second) result.push_back(source.file);
    }
    return result;
}

using FileOfProfile = std::map<std::string_view, std::string_view>;

FileOfProfile by_profile(const std::vector<ProfileSource>& sources) {
    FileOfProfile result;
    for (const auto& source : sources) result.emplace(source.profile, source.file);
    return result;
}

// Empty if there is none.
std::string_view file_of(const FileOfProfile& files, std::string_view profile) {
    const auto found = files.find(profile);
    return found == files.end() ? std::string_view() : found->second;
}

std::vector<Complaint> one_complaint(const Error& error, const Origin& origin) { return {{origin, error.message, "AA100"}}; }

// Compiles FILES, which are left in DIRECTORY if there is one; whether the parser took all of them.
Result<bool> compile_to(const std::string& directory, const Parser& parser, const std::vector<std::string>& files,
                        const std::string& features) {
    if (directory.empty()) return TRY(parser.compile(files, features)).ok();
    const auto compilation = TRY(compile_together(parser, files, features, directory));
    TRY(leave_policies(compilation.policies, directory));
    return compilation.ok;
}

// Those of FILES that are not known in one run; only if that fails one run each, for the messages that do not say which file they mean.
Result<std::vector<Complaint>> compile_complaints(const Parser& parser, const std::vector<std::string>& files, bool for_kernel,
                                                  const std::string& directory) {
    std::vector<Complaint> result;
    if (files.empty()) return result;
    const std::string features = TRY(features_for(for_kernel));
    auto unknown = unknown_files(parser, files, features);
    std::erase_if(unknown, [&](const auto& file) { return left_policy(file, directory).has_value(); });
    if (unknown.empty() || TRY(compile_to(directory, parser, unknown, features))) return result;
    for (const auto& file : unknown) {
        const auto run = TRY(parser.compile({file}, features));
        if (run.ok()) continue;
        const auto complaints = parser_complaints(run, file);
        result.insert(result.end(), complaints.begin(), complaints.end());
    }
    return result;
}

// Compiles in one run what FILES probably have for WANTED: who knows the policy of a file knows the names in it as well, and needs not ask the
// parser about one file at a time. What it does not take is asked about later.
Result<void> compile_ahead(const Parser& parser, const ProfileFiles& files, const std::vector<NamedProfile>& wanted, const Kernel& kernel,
                           const std::string& directory) {
    std::vector<std::string> names;
    names.reserve(wanted.size());
    for (const auto& profile : wanted) names.push_back(profile.profile);
    const auto features = TRY(features_for(kernel.require_enabled().has_value()));
    const auto unknown = unknown_files(parser, files.declaring(names), features);
    if (!unknown.empty()) TRY(compile_to(directory, parser, unknown, features));
    return {};
}

// What the catalog's place says of a profile that nothing defines; SUGGESTION is a name that exists.
std::string missing_text(std::string_view profile, const std::vector<std::string>& directories, bool asked_kernel,
                         std::string_view suggestion) {
    return concat({"profile ", quote(profile), asked_kernel ? " is not loaded, and" : ":", " no file in ", join(directories, ", "),
                   " defines it", suggestion.empty() ? "" : ", did you mean ", suggestion.empty() ? std::string() : quote(suggestion),
                   suggestion.empty() ? "" : "?"});
}

// Judges the profiles without a source, one at a time, sharing what the parser said about the files.
class MissingProfiles {
public:
    MissingProfiles(ProfileFiles files, const Catalog& catalog, const Kernel& kernel, bool has_kernel)
        : files_(std::move(files)), catalog_(catalog), kernel_(kernel), has_kernel_(has_kernel) {}

    Result<std::vector<Complaint>> judge(const NamedProfile& wanted, std::string_view parent_source) {
        if (wanted.profile.find("@{") != std::string::npos) return std::vector<Complaint>{variable_in_name(wanted)};
        if (!parent_source.empty()) return std::vector<Complaint>{TRY(missing_child(wanted, parent_source))};
        if (auto disabled = files_.disabled(wanted.profile); !disabled.empty()) return disabled;
        if (auto broken = TRY(files_.broken(wanted.profile)); !broken.empty()) return broken;
        if (has_kernel_ && TRY(kernel_.is_loaded(wanted.profile))) return std::vector<Complaint>{};
        auto result = TRY(files_.misnamed(wanted.profile));
        // Without a kernel to ask it may still be one that another tool loads, unless the files look like a mistake.
        if (!has_kernel_ && result.empty()) return not_known(wanted);
        const auto names = TRY(files_.all_names());
        const std::vector<std::string_view> candidates(names.begin(), names.end());
        result.insert(result.begin(), {wanted.origin, missing_text(wanted.profile, files_.directories(), has_kernel_,
                                                                   closest(wanted.profile, candidates))});
        return result;
    }

private:
    std::vector<Complaint> not_known(const NamedProfile& wanted) {
        if (catalog_.is_external(wanted.profile)) return {};
        return {
            {wanted.origin,
             concat({missing_text(wanted.profile, files_.directories(), false, {}),
                     ", and there is no AppArmor here to ask: a host where no other tool loads it will refuse this catalog; list it under "
                     "\"externalProfiles\" if one does"}),
             kNotKnown}};
    }

    static Complaint variable_in_name(const NamedProfile& wanted) {
        return {wanted.origin,
                concat({"no profile can be called ", quote(wanted.profile),
                        ": apparmor_parser puts the values of variables in their place; write the name that the kernel gets"})};
    }

    // The kernel may hold a child of an older version of the parent: it does not count, the source decides.
    Result<Complaint> missing_child(const NamedProfile& wanted, std::string_view parent_source) {
        const std::size_t end = wanted.profile.find("//");
        const auto names = TRY(files_.names_in(std::string(parent_source))).names;
        const std::vector<std::string_view> candidates(names.begin(), names.end());
        const auto suggestion = closest(wanted.profile, candidates);
        return Complaint{wanted.origin, concat({"profile ", quote(wanted.profile.substr(0, end)), " in ", quote(parent_source),
                                                " has no child ", quote(wanted.profile.substr(end + 2)),
                                                suggestion.empty() ? std::string() : concat({", did you mean ", quote(suggestion), "?"})})};
    }

    ProfileFiles files_;
    const Catalog& catalog_;
    const Kernel& kernel_;
    bool has_kernel_;
};

std::string_view parent_of(std::string_view profile) {
    const std::size_t end = profile.find("//");
    return end == std::string_view::npos ? std::string_view() : profile.substr(0, end);
}

Result<std::vector<Complaint>> missing_complaints(const Catalog& catalog, const std::vector<ProfileSource>& sources, const Kernel& kernel,
                                                  bool has_kernel, const LoadSettings& settings) {
    MissingProfiles missing(ProfileFiles(TRY(parser_of(settings)), profile_directories(catalog.profile_dirs, settings)), catalog, kernel,
                            has_kernel);
    const auto file_by_profile = by_profile(sources);
    std::vector<Complaint> result;
    for (const auto& wanted : named_profiles(catalog)) {
        if (!file_of(file_by_profile, wanted.profile).empty()) continue;
        auto complaints = TRY(missing.judge(wanted, file_of(file_by_profile, parent_of(wanted.profile))));
        for (auto& complaint : complaints) {
            if (complaint.code.empty()) complaint.code = kNotDefined;
            // A parent and its children suffer from the same broken file.
            const bool known =
                std::any_of(result.begin(), result.end(), [&](const Complaint& other) { return other.text() == complaint.text(); });
            if (!known) result.push_back(std::move(complaint));
        }
    }
    return result;
}

// Opens the directory of PATH, made if it is missing; nobody else may be able to write it.
Result<Fd> open_parent(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return open_file(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
    const std::string directory = path.substr(0, std::max<std::size_t>(slash, 1));
    const bool made = ::mkdir(directory.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) return errno_error("make the directory", directory, errno);
    Fd fd = TRY(open_file(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    // Not by mkdir(2)'s mode, which the umask cuts.
    if (made && ::fchmod(fd.get(), 0755) != 0) return errno_error("set the mode of", directory, errno);
    TRY(require_trusted(fd.get(), directory));
    return fd;
}

}  // namespace

std::vector<std::string> profile_directories(std::vector<std::string> own, const LoadSettings& settings) {
    for (const auto& directory : settings.directories) {
        if (std::find(own.begin(), own.end(), directory) == own.end()) own.push_back(directory);
    }
    return own;
}

std::vector<NamedProfile> named_profiles(const Catalog& catalog) {
    NamedProfiles named;
    for (const auto& confinement : catalog.confinements) {
        if (const auto* label = std::get_if<std::string>(&confinement.profile)) named.add_label(*label, confinement.origin);
        for (const auto& rule : confinement.exec_rules) {
            if (const auto* label = std::get_if<std::string>(&rule.action)) named.add_label(*label, rule.origin);
        }
    }
    return named.take();
}

Result<std::vector<ProfileSource>> find_profile_sources(const Catalog& catalog, const Kernel& kernel, const LoadSettings& settings) {
    std::vector<ProfileSource> result;
    const auto wanted = named_profiles(catalog);
    if (wanted.empty()) return result;
    const auto parser = TRY(parser_of(settings));
    ProfileFiles files(parser, profile_directories(catalog.profile_dirs, settings));
    if (settings.cache && !settings.compiled.empty()) TRY(compile_ahead(parser, files, wanted, kernel, settings.compiled));
    for (const auto& profile : wanted) {
        const auto defining = TRY(files.defining(profile.profile));
        result.push_back({profile.profile, TRY(only_source(profile.profile, defining).context(profile.origin.text()))});
    }
    return result;
}

std::vector<Complaint> check_profiles(const Catalog& catalog, const std::vector<ProfileSource>& sources, const Kernel& kernel,
                                      const LoadSettings& settings) {
    const auto files = files_of(sources);
    if (files.empty() && named_profiles(catalog).empty()) return {};
    const bool has_kernel = kernel.require_enabled().has_value();
    const Origin host{"apparmor_parser", 0, 0};
    const auto parser = parser_of(settings);
    if (!parser) return one_complaint(parser.error(), host);
    auto result = compile_complaints(*parser, files, has_kernel, settings.compiled);
    if (!result) return one_complaint(result.error(), host);
    const auto missing = missing_complaints(catalog, sources, kernel, has_kernel, settings);
    if (!missing) return one_complaint(missing.error(), host);
    result->insert(result->end(), missing->begin(), missing->end());
    return *std::move(result);
}

std::vector<Complaint> profile_notes(const Catalog& catalog, const std::vector<ProfileSource>& sources) {
    const auto file_by_profile = by_profile(sources);
    std::vector<Complaint> notes;
    for (const auto& wanted : named_profiles(catalog)) {
        const auto file = file_of(file_by_profile, wanted.profile);
        const auto link = file.empty() ? std::string() : operators_link(file, "force-complain");
        if (!link.empty() && wanted.profile.find("//") == std::string::npos) {
            notes.push_back({wanted.origin,
                             concat({"profile ", quote(wanted.profile), " is loaded in complain mode, which denies nothing: ", quote(link),
                                     " says so"}),
                             "AA504"});
        }
    }
    return notes;
}

Result<void> load_profiles(const Catalog& catalog, const std::vector<ProfileSource>& sources, const Kernel& kernel,
                           const LoadSettings& settings) {
    TRY(kernel.require_enabled());
    const auto parser = TRY(parser_of(settings));
    std::vector<std::string> files;
    for (auto& file : files_of(sources)) {
        auto policy = left_policy(file, settings.compiled);
        if (!policy) policy = parser.known_policy(file, {});
        // What the kernel does not take is the parser's to tell of.
        if (!policy || !kernel.replace_policy(*policy)) files.push_back(std::move(file));
    }
    if (!files.empty()) {
        const auto run = TRY(parser.load(files));
        if (!run.ok()) {
            std::string text = "the profiles could not be loaded:";
            for (const auto& complaint : parser_complaints(run, files.front())) text += " " + complaint.text() + ";";
            text.back() = '.';
            return Error{ErrorKind::system, std::move(text)};
        }
    }
    return require_all_loaded(catalog, kernel);
}

Result<void> require_all_loaded(const Catalog& catalog, const Kernel& kernel) {
    for (const auto& wanted : named_profiles(catalog)) {
        if (TRY(kernel.is_loaded(wanted.profile))) continue;
        return Error{ErrorKind::system, concat({"profile ", quote(wanted.profile), " (", wanted.origin.text(),
                                                ") is still not loaded after that was done without an error; the kernel's log says why"})};
    }
    return {};
}

Result<std::vector<std::string>> not_enforced(const Catalog& catalog, const Kernel& kernel) {
    const auto wanted = named_profiles(catalog);
    const auto list = TRY(kernel.loaded_profiles());
    std::vector<std::string> result;
    for (const auto line : lines(list)) {
        const auto loaded = parse_task_label(line);
        if (loaded.mode == Mode::enforce || loaded.mode == Mode::kill) continue;
        const bool named =
            std::any_of(wanted.begin(), wanted.end(), [&](const NamedProfile& profile) { return profile.profile == loaded.label; });
        if (named) result.push_back(concat({quote(loaded.label), " is in ", mode_name(loaded.mode), " mode"}));
    }
    return result;
}

Result<Fd> lock_for_load(const std::string& path) {
    const Fd directory = TRY(open_parent(path));
    // A file that only root can open: whoever may open it could hold up every load.
    Fd lock =
        TRY(open_file(directory.get(), ".load.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600).context(concat({"lock loads of ", quote(path)})));
    while (::flock(lock.get(), LOCK_EX) != 0) {
        if (errno != EINTR) return errno_error("lock", path, errno);
    }
    return lock;
}

Result<std::optional<Fd>> try_to_hold_loads(const std::string& path) {
    auto lock =
        open_file(AT_FDCWD, concat({path.substr(0, path.rfind('/')), "/.load.lock"}), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!lock && lock.error().kind == ErrorKind::not_found) return std::optional(Fd());  // nothing was ever loaded
    if (!lock) return lock.error();
    if (::flock(lock->get(), LOCK_SH | LOCK_NB) == 0) return std::optional(*std::move(lock));
    if (errno == EWOULDBLOCK || errno == EINTR) return std::optional<Fd>();
    return errno_error("lock", path, errno);
}

Result<void> publish_catalog(std::string_view compiled, const std::string& path) {
    const Fd directory = TRY(open_parent(path).context("publish the catalog"));
    const iovec piece{const_cast<char*>(compiled.data()), compiled.size()};
    return replace_file(directory.get(), path.substr(path.rfind('/') + 1), {&piece, 1}, ::geteuid(), ::getegid(), 0644)
        .context(concat({"publish the catalog ", quote(path)}));
}

}  // namespace aa::apparmor
