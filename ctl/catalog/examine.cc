// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/examine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {

namespace fs = std::filesystem;
using apparmor::CatalogSource;
using apparmor::Complaint;

namespace {

constexpr std::size_t kMaxCatalogFile = 64UL << 20U;

Error no_catalog(ErrorKind kind, std::string_view problem) {
    return {kind, concat({"there is no catalog: ", problem, "; an example to start from is in /usr/share/aa-shim/catalog.d"})};
}

// Root reads here without the capabilities that would let it read everybody's files (ctl/cli/privileges.cc).
Error for_root(Error error) {
    if (error.kind == ErrorKind::system && ::geteuid() == 0) {
        error.message += "; root reads here with no more rights than any other user: let root own it, or let its owner run this";
    }
    return error;
}

template <class T>
Result<T> for_root(Result<T> result) {
    if (result) return result;
    return for_root(std::move(result).error());
}

Result<CatalogSource> read_source(const std::string& path, Trust trust) {
    const Fd fd = TRY(for_root(open_file(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY)));
    if (trust == Trust::required) TRY(require_trusted(fd.get(), path));
    const auto buffer = TRY(read_file(fd.get(), kMaxCatalogFile, path));
    return CatalogSource{path, std::string(buffer.text())};
}

Result<std::vector<std::string>> files_in(const std::string& directory, Trust trust) {
    const Fd fd = TRY(for_root(open_file(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY)));
    if (trust == Trust::required) TRY(require_trusted(fd.get(), directory));
    std::error_code error;
    std::vector<std::string> result;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename();
        if (!name.starts_with('.') && name.ends_with(".json")) result.push_back(directory + (directory.ends_with('/') ? "" : "/") + name);
    }
    if (error) return errno_error("list", directory, error.value());
    std::sort(result.begin(), result.end());
    if (result.empty()) return no_catalog(ErrorKind::config, concat({quote(directory), " holds no file called *.json"}));
    return result;
}

Result<std::vector<std::string>> files_at(const std::string& path, Trust trust) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (fs::is_directory(status)) return files_in(path, trust);
    if (fs::exists(status)) return std::vector<std::string>{path};
    if (status.type() != fs::file_type::not_found) return for_root(errno_error("look at", path, error.value()));
    return no_catalog(ErrorKind::not_found, concat({quote(path), " does not exist"}));
}

Json to_json(const Complaint& complaint) {
    return {{"file", complaint.origin.file},
            {"line", complaint.origin.line},
            {"column", complaint.origin.column},
            {"problem", complaint.problem}};
}

Json to_json(const std::vector<Complaint>& complaints) {
    Json result = Json::array();
    for (const auto& complaint : complaints) result.push_back(to_json(complaint));
    return result;
}

Json to_json(const apparmor::ProfileSource& source) {
    return {{"name", source.profile}, {"file", source.file.empty() ? Json() : Json(source.file)}};
}

std::string count(std::size_t number, std::string_view thing) {
    return concat({decimal(static_cast<long long>(number)), " ", thing, number == 1 ? "" : "s"});
}

}  // namespace

Result<std::vector<CatalogSource>> read_catalog_files(const std::vector<std::string>& paths, Trust trust) {
    std::vector<CatalogSource> result;
    for (const auto& path : paths) {
        const auto files = TRY(files_at(path, trust));
        for (const auto& file : files) result.push_back(TRY(read_source(file, trust)));
    }
    return result;
}

Result<Examination> examine(const std::vector<std::string>& paths, Trust trust, Profiles profiles, const apparmor::Kernel& kernel,
                            const apparmor::LoadSettings& settings) {
    auto files = TRY(read_catalog_files(paths, trust));
    auto reading = apparmor::read_catalog(files);
    Examination result{std::move(reading.catalog), std::move(reading.errors), std::move(reading.notes), {}, std::move(files)};
    if (!result.ok() || profiles == Profiles::skip) return result;
    result.sources = TRY(apparmor::find_profile_sources(result.catalog, settings));
    result.errors = apparmor::check_profiles(result.catalog, result.sources, kernel, settings);
    const auto notes = apparmor::profile_notes(result.catalog, result.sources, kernel, settings);
    result.notes.insert(result.notes.end(), notes.begin(), notes.end());
    result.has_kernel = kernel.require_enabled().has_value();
    return result;
}

void report(const Examination& examination) {
    for (const auto& error : examination.errors) complain(error.text());
    for (const auto& note : examination.notes) complain(Complaint{note.origin, "note: " + note.problem}.text());
}

Json to_json(const Examination& examination) {
    Json profiles = Json::array();
    for (const auto& source : examination.sources) profiles.push_back(to_json(source));
    return {{"ok", examination.ok()},
            {"errors", to_json(examination.errors)},
            {"notes", to_json(examination.notes)},
            {"files", examination.files.size()},
            {"confinements", examination.catalog.confinements.size()},
            {"rules", examination.catalog.rules.size()},
            {"profiles", std::move(profiles)}};
}

std::string summary(const Examination& examination) {
    // A name that neither a file nor the kernel knows is no profile.
    const auto known = static_cast<std::size_t>(
        std::count_if(examination.sources.begin(), examination.sources.end(),
                      [&](const apparmor::ProfileSource& source) { return examination.has_kernel || !source.file.empty(); }));
    return concat({count(examination.files.size(), "file"), ", ", count(examination.catalog.confinements.size(), "confinement"), ", ",
                   count(examination.catalog.rules.size(), "rule"), ", ", count(known, "profile")});
}

}  // namespace aa::ctl
