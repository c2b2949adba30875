// SPDX-License-Identifier: Apache-2.0
//
// host_profiles PARSER FEATURES FIXTURES FOLDER…: whether PARSER's profiles, the files right in each FOLDER, get no finding of severity
// error, all of them in at most twice the processor time that PARSER itself takes, and the fixtures of the syntax test
// (tests/apparmor/findings/syntax_test.cc) those that they are for. Says what is not so, and exits with 1.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "apparmor/findings/profiles.h"
#include "apparmor/findings/syntax.h"

using namespace aa;
using namespace aa::apparmor;

namespace {

namespace fs = std::filesystem;

int problems = 0;

void complain(const std::string& what) {
    ++problems;
    (void)std::fprintf(stderr, "%s\n", what.c_str());
}

std::string contents(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return std::regex_replace(text.str(), std::regex("@FIXTURES@"), path.parent_path().string());
}

std::vector<Finding> findings(const Parser& parser, const std::string& features, const fs::path& file) {
    auto found = syntax_findings(parser, file, contents(file), features);
    if (!found) complain(found.error().message);
    return found ? *std::move(found) : std::vector<Finding>();
}

bool has_code(const std::vector<Finding>& found, std::string_view code) {
    return std::any_of(found.begin(), found.end(), [&](const Finding& finding) { return finding.code == code; });
}

std::vector<SourceText> texts_in(const fs::path& folder) {
    std::vector<SourceText> texts;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.is_regular_file() && entry.path().filename() != "README") texts.push_back({entry.path(), contents(entry.path())});
    }
    std::ranges::sort(texts, {}, &SourceText::file);
    return texts;
}

// The processor time that we and the programs that we ran took so far, in seconds.
double processor_time() {
    double seconds = 0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage usage{};
        if (::getrusage(who, &usage) != 0) return 0;
        for (const auto& time : {usage.ru_utime, usage.ru_stime})
            seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
    return seconds;
}

// Checks the profiles in FOLDER as `check --profiles FOLDER` does; how many files they are.
int check_folder(const Parser& parser, const std::string& features, const std::string& folder) {
    constexpr double kMostTimes = 2;
    constexpr double kStart = 1;  // of a second: what is asked once
    const auto texts = texts_in(folder);
    const double begin = processor_time();
    for (const auto& text : texts) (void)parser.compile_input(text.text, features);
    const double middle = processor_time();
    const auto found = find_in_profiles({parser.including(include_root(folder)), features, {folder}, nullptr}, texts);
    const double end = processor_time();
    if (!found) complain(found.error().message);
    std::size_t warnings = 0;
    for (const auto& finding : found ? *found : std::vector<Finding>()) {
        if (finding.severity() == Severity::error) complain(finding.text());
        warnings += finding.severity() == Severity::warning ? 1U : 0U;
    }
    (void)std::printf("%s: %zu files, %zu warnings; the parser %.1f s, check %.1f s\n", folder.c_str(), texts.size(), warnings,
                      middle - begin, end - middle);
    if (end - middle > kMostTimes * (middle - begin) + kStart) complain(folder + ": takes too long");
    return static_cast<int>(texts.size());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    const Parser parser(argv[1]);
    const std::string features = argv[2];
    int files = 0;
    for (const auto& entry : fs::directory_iterator(argv[3])) {
        const auto& path = entry.path();
        const bool is_faulty = path.extension() == ".faulty";
        if (!is_faulty && path.extension() != ".good") continue;
        const auto found = findings(parser, features, path);
        ++files;
        if (is_faulty && !has_code(found, path.stem().string())) complain(path.string() + ": not found");
        for (const auto& finding : found) {
            if (!is_faulty) complain(finding.text());
        }
    }
    for (int i = 4; i < argc; ++i) files += check_folder(parser, features, argv[i]);
    (void)std::printf("%d files, %d problems\n", files, problems);
    return problems == 0 ? 0 : 1;
}
