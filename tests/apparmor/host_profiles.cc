// SPDX-License-Identifier: Apache-2.0
//
// host_profiles PARSER FEATURES FIXTURES FOLDER…: whether PARSER's profiles, the files right in each FOLDER, get no finding of severity
// error, and the fixtures of the syntax test (tests/apparmor/findings/syntax_test.cc) those that they are for. Says what is not so, and exits with 1.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

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
    for (int i = 4; i < argc; ++i) {
        for (const auto& entry : fs::directory_iterator(argv[i])) {
            if (!entry.is_regular_file() || entry.path().filename() == "README") continue;
            ++files;
            for (const auto& finding : findings(parser, features, entry.path())) {
                if (finding.severity() == Severity::error) complain(finding.text());
            }
        }
    }
    (void)std::printf("%d files, %d problems\n", files, problems);
    return problems == 0 ? 0 : 1;
}
