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
using apparmor::Finding;
using apparmor::Severity;

namespace {

constexpr std::string_view kUnknownProfile = "AA505";
constexpr std::size_t kMaxCatalogFile = 64UL << 20U;

Error no_files(const WhatFiles& what, ErrorKind kind, std::string_view problem) {
    return {kind, concat({"there is no ", what.name, ": ", problem, "; an example to start from is in ", what.example})};
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

Result<std::vector<std::string>> files_in(const std::string& directory, Trust trust, const WhatFiles& what) {
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
    if (result.empty()) return no_files(what, ErrorKind::config, concat({quote(directory), " holds no file called *.json"}));
    return result;
}

Result<std::vector<std::string>> files_at(const std::string& path, Trust trust, const WhatFiles& what) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (fs::is_directory(status)) return files_in(path, trust, what);
    if (fs::exists(status)) return std::vector<std::string>{path};
    if (status.type() != fs::file_type::not_found) return for_root(errno_error("look at", path, error.value()));
    return no_files(what, ErrorKind::not_found, concat({quote(path), " does not exist"}));
}

// COMPLAINTS as findings; CODE is that of those that have none.
void add(std::vector<Finding>& findings, const std::vector<Complaint>& complaints, std::string_view code) {
    for (const auto& complaint : complaints)
        findings.push_back({complaint.code.empty() ? code : complaint.code, complaint.origin, complaint.problem, {}, {}, {}});
}

Json to_json(const apparmor::ProfileSource& source) {
    return {{"name", source.profile}, {"file", source.file.empty() ? Json() : Json(source.file)}};
}

std::string count(std::size_t number, std::string_view thing) {
    return concat({decimal(static_cast<long long>(number)), " ", thing, number == 1 ? "" : "s"});
}

}  // namespace

Result<std::vector<CatalogSource>> read_catalog_files(const std::vector<std::string>& paths, Trust trust, const WhatFiles& what) {
    std::vector<CatalogSource> result;
    for (const auto& path : paths) {
        const auto files = TRY(files_at(path, trust, what));
        for (const auto& file : files) result.push_back(TRY(read_source(file, trust)));
    }
    return result;
}

Result<Examination> examine(const std::vector<std::string>& paths, Trust trust, Profiles profiles, const apparmor::Kernel& kernel,
                            const apparmor::LoadSettings& settings) {
    auto sources = TRY(read_catalog_files(paths, trust));
    auto reading = apparmor::read_catalog(sources);
    Examination result;
    result.is_read = reading.ok();
    add(result.findings, reading.errors, "AA500");
    add(result.findings, reading.notes, "AA501");
    for (const auto& source : sources) result.texts.push_back({source.name, source.text});
    result.files = std::move(sources);
    result.catalog = std::move(reading.catalog);
    if (!result.is_read || profiles == Profiles::skip) return result;
    result.sources = TRY(apparmor::find_profile_sources(result.catalog, kernel, settings));
    add(result.findings, apparmor::check_profiles(result.catalog, result.sources, kernel, settings), {});
    add(result.findings, apparmor::profile_notes(result.catalog, result.sources), {});
    const auto unknown = std::stable_partition(result.findings.begin(), result.findings.end(),
                                               [](const Finding& finding) { return finding.code != kUnknownProfile; });
    result.unknown.assign(unknown, result.findings.end());
    result.findings.erase(unknown, result.findings.end());
    result.has_kernel = kernel.require_enabled().has_value();
    return result;
}

bool Examination::ok() const {
    return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.severity() == Severity::error; });
}

Json counts(const Examination& examination) {
    Json profiles = Json::array();
    for (const auto& source : examination.sources) profiles.push_back(to_json(source));
    return {{"files", examination.texts.size()},
            {"confinements", examination.catalog.confinements.size()},
            {"rules", examination.catalog.rules.size()},
            {"profiles", std::move(profiles)}};
}

std::string summary(const Examination& examination) {
    // A name that neither a file nor the kernel knows is no profile.
    const auto known = static_cast<std::size_t>(
        std::count_if(examination.sources.begin(), examination.sources.end(),
                      [&](const apparmor::ProfileSource& source) { return examination.has_kernel || !source.file.empty(); }));
    return concat({count(examination.texts.size(), "file"), ", ", count(examination.catalog.confinements.size(), "confinement"), ", ",
                   count(examination.catalog.rules.size(), "rule"), ", ", count(known, "profile")});
}

}  // namespace aa::ctl
