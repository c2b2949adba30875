// SPDX-License-Identifier: Apache-2.0
//
// evaluate RELEASE ORDER QUESTIONS PATHS POLICY…: answers by our evaluator what the differential test asks a kernel. RELEASE is
// that kernel's, ORDER a file with the names of its profiles in its own order, a POLICY what a parser wrote. Questions and
// answers are lines of fields with a tab between:
//   p LABEL PATH UID              →  the permissions in hexadecimal (the file belongs to root)
//   m LABEL - UID                 →  the same for each line of the file PATHS, with blanks between
//   x LABEL PATH UID OWNER …      →  ran LABEL SECURE, or: denied REASON
// and `error MESSAGE` to what cannot be evaluated.
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/policy/reader.h"
#include "apparmor/policy/transition.h"
#include "base/file.h"
#include "base/result.h"

using namespace aa;
using namespace aa::apparmor;

namespace {

constexpr std::size_t kLimit = std::size_t{256} << 20U;

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t to = std::min(text.find(separator, from), text.size());
        parts.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

// The profiles of all policies in the order of NAMES, where each of them must be; of several with one name the last.
Result<std::vector<Profile>> loaded_profiles(const std::vector<std::string_view>& names, const std::vector<const char*>& policies) {
    std::map<std::string, Profile, std::less<>> found;
    for (const char* path : policies) {
        const Buffer bytes = TRY(read_file_at(AT_FDCWD, path, kLimit));
        std::vector<Profile> profiles = TRY(read_policy(bytes.text(), path));
        for (Profile& profile : profiles) found.insert_or_assign(profile.name, std::move(profile));
    }
    std::vector<Profile> ordered;
    for (const std::string_view name : names) {
        const auto place = found.find(name);
        if (place == found.end()) return Error{ErrorKind::not_found, "no policy has the loaded profile " + std::string(name)};
        ordered.push_back(std::move(place->second));
        found.erase(place);
    }
    if (!found.empty()) return Error{ErrorKind::not_found, "the kernel does not have the profile " + found.begin()->first};
    return ordered;
}

std::string permissions_answer(Policy& policy, std::string_view label, std::string_view path, bool owned) {
    const auto answer = file_permissions(policy, label, path, owned);
    if (!answer) return "error\t" + answer.error().message;
    char text[32];
    (void)std::snprintf(text, sizeof text, "%x", answer->allow & ~answer->deny);
    return text;
}

std::string exec_answer(Policy& policy, std::string_view label, std::string_view path, bool owned) {
    const auto outcome = exec_transition(policy, label, {.path = std::string(path), .owned = owned});
    if (!outcome) return "error\t" + outcome.error().message;
    if (outcome->allowed) return "ran\t" + outcome->label + (outcome->scrubbed ? "\t1" : "\t0");
    std::string reasons;
    for (const ExecStep& step : outcome->steps) reasons += step.reason + "; ";
    return "denied\t" + reasons;
}

std::string matrix_answer(Policy& policy, std::string_view label, const std::vector<std::string_view>& paths, bool owned) {
    std::string answers;
    for (const std::string_view path : paths) answers += permissions_answer(policy, label, path, owned) + " ";
    return answers;
}

Result<std::string> answer(Policy& policy, std::string_view question, const std::vector<std::string_view>& paths) {
    const auto fields = split(question, '\t');
    if (fields.size() == 4 && fields[0] == "p") return permissions_answer(policy, fields[1], fields[2], fields[3] == "0");
    if (fields.size() == 4 && fields[0] == "m") return matrix_answer(policy, fields[1], paths, fields[3] == "0");
    if (fields.size() >= 5 && fields[0] == "x") return exec_answer(policy, fields[1], fields[2], fields[3] == fields[4]);
    return Error{ErrorKind::usage, "not a question: " + std::string(question)};
}

Result<void> answer_all(const std::vector<const char*>& words) {
    const Buffer order = TRY(read_file_at(AT_FDCWD, words[1], kLimit));
    const Buffer questions = TRY(read_file_at(AT_FDCWD, words[2], kLimit));
    const Buffer paths = TRY(read_file_at(AT_FDCWD, words[3], kLimit));
    std::vector<Profile> profiles = TRY(loaded_profiles(split(order.text(), '\n'), {words.begin() + 4, words.end()}));
    PolicySet policy(std::move(profiles), KernelBehaviour::of_release(words[0]));
    for (const std::string_view question : split(questions.text(), '\n'))
        std::puts(TRY(answer(policy, question, split(paths.text(), '\n'))).c_str());
    return {};
}

}  // namespace

int main(int count, char** words) {
    if (count < 5) return 2;
    const auto done = answer_all({words + 1, words + count});
    if (done) return 0;
    (void)std::fprintf(stderr, "evaluate: %s\n", done.error().message.c_str());
    return 1;
}
