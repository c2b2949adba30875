// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/parser_process.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace aa::apparmor {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kNotTaken = "AA100";
constexpr int kNoLimit = 0;  // a policy may be large, and the machine slow
constexpr std::array<const char*, 2> kParserPaths = {"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"};
constexpr std::array<const char*, 3> kFeatureFiles = {"/usr/share/apparmor-features/features", "/etc/apparmor.d/abi/4.0",
                                                      "/etc/apparmor.d/abi/3.0"};

// The parser says this of the host, whatever it was asked to do.
std::string without_chatter(std::string_view errors) {
    std::string result;
    for (const auto line : lines(errors)) {
        if (!line.empty() && !line.starts_with("Cache read/write disabled")) result.append(line).append("\n");
    }
    return result;
}

std::vector<std::string> joined(std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

// "… in profile P at line N: TEXT" → P, N, TEXT; a line of another form is a problem of FILE as a whole.
Complaint parser_complaint(std::string_view line, const std::string& file) {
    constexpr std::string_view kProfile = " in profile ";
    constexpr std::string_view kLine = " at line ";
    Complaint whole{{file, 1, 1}, concat({"apparmor_parser: ", line}), kNotTaken};
    const std::size_t profile = line.find(kProfile);
    const std::size_t at = line.find(kLine, profile == std::string_view::npos ? profile : profile + kProfile.size());
    if (profile == std::string_view::npos || at == std::string_view::npos) return whole;
    const std::size_t number = at + kLine.size();
    const std::size_t colon = line.find(": ", number);
    unsigned long long value = 0;
    if (colon == std::string_view::npos || !parse_decimal(line.substr(number, colon - number), value)) return whole;
    const std::size_t begin = profile + kProfile.size();
    return {{std::string(line.substr(begin, at - begin)), static_cast<std::uint32_t>(value), 1},
            concat({"apparmor_parser: ", line.substr(colon + 2)}),
            kNotTaken};
}

}  // namespace

Result<Parser> Parser::find() {
    for (const char* path : kParserPaths) {
        if (::access(path, X_OK) == 0) return Parser(path);
    }
    return Error{ErrorKind::system, concat({"AppArmor's compiler is missing (looked for ", kParserPaths[0], " and ", kParserPaths[1],
                                            "): install the package 'apparmor'"})};
}

Parser Parser::including(std::string directory) const {
    Parser parser(*this);
    parser.includes_ = std::move(directory);
    return parser;
}

Parser Parser::remembering(std::shared_ptr<PolicyCache> cache) const {
    Parser parser(*this);
    parser.cache_ = std::move(cache);
    return parser;
}

bool Parser::knows(const std::string& file, const std::string& features) const {
    return cache_ && cache_->knows({path_, includes_, features}, file);
}

std::optional<std::string> Parser::known_policy(const std::string& file, const std::string& features) const {
    return cache_ ? cache_->policy({path_, includes_, features}, file) : std::nullopt;
}

std::optional<std::vector<std::string>> Parser::known_names(const std::string& file) const {
    return cache_ ? cache_->names({path_, includes_, {}}, file) : std::nullopt;
}

void Parser::remember(const std::map<std::string, std::string>& policies, const std::string& features) const {
    if (cache_) cache_->keep({path_, includes_, features}, policies);
}

void Parser::remember_names(const std::string& file, const std::vector<std::string>& names) const {
    if (cache_) cache_->keep_names({path_, includes_, {}}, file, names);
}

std::string include_root(const std::string& path) {
    std::error_code error;
    auto directory = fs::weakly_canonical(path, error);
    if (error) return {};
    if (!fs::is_directory(directory, error)) directory = directory.parent_path();
    const auto is_root = [&](const fs::path& one) {
        return fs::is_directory(one / "abstractions", error) || fs::is_directory(one / "tunables", error);
    };
    while (directory.has_relative_path() && !is_root(directory)) directory = directory.parent_path();
    return is_root(directory) ? directory.string() : std::string();
}

Result<CommandOutcome> Parser::run(const std::vector<std::string>& arguments, std::string input) const {
    std::vector<std::string> command{path_};
    if (!includes_.empty()) command.push_back("--Include=" + includes_);
    auto outcome = TRY(run_command({joined(std::move(command), arguments), {}, {}, kNoLimit, std::move(input)}));
    outcome.errors = without_chatter(outcome.errors);
    return outcome;
}

Result<CommandOutcome> Parser::names(const std::vector<std::string>& paths) const { return run(joined({"--names", "--quiet"}, paths)); }

Result<CommandOutcome> Parser::compile_input(std::string text, const std::string& features, bool wants_output) const {
    std::vector<std::string> arguments = {"--skip-kernel-load", "--skip-cache", "--quiet"};
    if (wants_output) arguments.emplace_back("--stdout");
    if (!features.empty()) arguments.push_back("--features-file=" + features);
    arguments.emplace_back(kInput);
    return run(arguments, std::move(text));
}

Result<CommandOutcome> Parser::compile(const std::vector<std::string>& files, const std::string& features, const std::string& cache) const {
    std::vector<std::string> arguments = {"--skip-kernel-load", "--quiet", "--jobs=auto"};
    if (cache.empty()) {
        arguments.emplace_back("--skip-cache");
    } else {
        arguments.insert(arguments.end(), {"--write-cache", "--cache-loc=" + cache});
    }
    if (!features.empty()) arguments.push_back("--features-file=" + features);
    return run(joined(std::move(arguments), files));
}

Result<CommandOutcome> Parser::load(const std::vector<std::string>& files) const {
    return run(joined({"--replace", "--quiet", "--jobs=auto", "--skip-cache"}, files));
}

Result<std::string> features_for(bool runs) { return runs ? std::string() : packaged_features(); }

Result<std::string> packaged_features() {
    for (const char* file : kFeatureFiles) {
        if (::access(file, R_OK) == 0) return std::string(file);
    }
    return Error{ErrorKind::system, concat({"there is no features file to compile profiles for (looked for ", kFeatureFiles[0], ", ",
                                            kFeatureFiles[1], " and ", kFeatureFiles[2], "): reinstall the package 'apparmor'"})};
}

std::vector<Complaint> parser_complaints(const CommandOutcome& run, const std::string& file) {
    std::vector<Complaint> result;
    for (const auto line : lines(run.errors)) result.push_back(parser_complaint(line, file));
    if (result.empty()) {
        result.push_back(
            {{file, 1, 1}, concat({"apparmor_parser failed with exit code ", decimal(run.exit_code), " and said nothing"}), kNotTaken});
    }
    return result;
}

}  // namespace aa::apparmor
