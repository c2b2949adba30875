// SPDX-License-Identifier: Apache-2.0
#include "ctl/verify/trial.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "ctl/verify/archive.h"

namespace aa::ctl::verify {

namespace {

// How long each program of an engine may take, and the program in the container waits.
constexpr int kSeconds = 60;
constexpr unsigned kLifetime = 2 * kSeconds;
// An engine that removes a container by itself refuses another removal of it, and that of its image, until it is done. One whose runtime
// is broken may never be.
constexpr int kRemovalSeconds = 20;
constexpr int kRemovals = 10;
constexpr unsigned kBetweenRemovals = 500'000;  // microseconds

constexpr std::size_t kLongestProgram = std::size_t{64} << 20U;

// While it lives, signals that end a program wait.
class SignalsHeld {
public:
    SignalsHeld() {
        sigset_t ending;
        (void)::sigemptyset(&ending);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) (void)::sigaddset(&ending, signal);
        (void)::sigprocmask(SIG_BLOCK, &ending, &before_);
    }
    ~SignalsHeld() { (void)::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    SignalsHeld(const SignalsHeld&) = delete;
    SignalsHeld& operator=(const SignalsHeld&) = delete;

private:
    sigset_t before_{};
};

Result<std::string> new_name() {
    unsigned long long number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return Error{ErrorKind::system, "no random number to make a name of"};
    return "aa-shim-verify-" + hex64(number);
}

// All that a program said, on one line; what it says first is often the reason, and what it says last advice.
std::string said_by(const Result<CommandOutcome>& outcome) {
    if (!outcome) return outcome.error().message;
    std::string text;
    for (const std::string* part : {&outcome->errors, &outcome->output}) {
        for (const auto line : lines(*part)) {
            if (line.find_first_not_of(" \t\r") != std::string_view::npos) text += concat({text.empty() ? "" : " ", line});
        }
    }
    return text.empty() ? concat({"exit code ", decimal(outcome->exit_code), " and no message"}) : text;
}

bool succeeded(const Result<CommandOutcome>& outcome) { return outcome && outcome->ok(); }

// Whether what should be removed is not there: "No such container", "image not known", "not found".
bool has_nothing(const Result<CommandOutcome>& outcome) {
    auto text = said_by(outcome);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text.find("no such") != std::string::npos || text.find("not found") != std::string::npos ||
           text.find("not known") != std::string::npos;
}

class Attempt {
public:
    Attempt(const Host& host, Recipe recipe, const std::string& name) : host_(host), recipe_(std::move(recipe)) {
        trial_.name = name;
        trial_.through = recipe_.through;
        trial_.note = recipe_.note;
    }

    Trial make() && {
        if (const auto started = start(); !started) {
            trial_.problem = started.error().message;
            if (!recipe_.find.empty()) id_ = id_in(host_.run(recipe_.find, kSeconds));
        } else {
            look();
        }
        take_away();
        return std::move(trial_);
    }

private:
    static std::string id_in(const Result<CommandOutcome>& outcome) {
        const auto all = outcome ? lines(outcome->output) : std::vector<std::string_view>();
        return all.empty() ? std::string() : std::string(all.back());
    }

    Result<void> start() {
        TRY(make_files());
        if (!recipe_.make.empty()) {
            const auto made = run_command({recipe_.make, {}, {"HOME=/"}, kSeconds, archive_of_program(kProgram + 1, program_)});
            if (!succeeded(made)) return Error{ErrorKind::config, concat({recipe_.make.front(), " made no image: ", said_by(made)})};
        }
        const auto started = host_.run(recipe_.start, kSeconds);
        if (!succeeded(started)) {
            return Error{ErrorKind::config, concat({recipe_.through, " did not start a container by aa-shim: ", said_by(started)})};
        }
        id_ = id_in(started);
        if (id_.empty()) id_ = trial_.name;
        return {};
    }

    Result<void> make_files() {
        const Fd self = TRY(open_file(AT_FDCWD, "/proc/self/exe", O_RDONLY));
        const auto text = TRY(read_file(self.get(), kLongestProgram, "aa-shimctl"));
        program_ = std::string(text.text());
        if (!recipe_.has_directory) return {};
        TRY(host_.make_directories(directory_of(trial_.name)));
        if (!recipe_.sandbox.empty()) return host_.write(sandbox_of(trial_.name), {recipe_.sandbox});
        TRY(host_.make_directories(root_of(trial_.name)));
        return host_.write(root_of(trial_.name) + kProgram, {program_, 0, 0, 0755});
    }

    void look() {
        const auto survey = status::take_survey({{id_}, {}, false});
        if (!survey || survey->containers.empty()) {
            trial_.problem = concat({"the container was started, and cannot be found: ", survey ? "it has ended" : survey.error().message});
            return;
        }
        trial_.report = survey->containers.front();
        trial_.problem = problem_of(*trial_.report);
    }

    [[nodiscard]] std::string problem_of(const status::ContainerReport& report) const {
        switch (report.standing) {
            case status::Standing::as_decided:
            case status::Standing::created:
            case status::Standing::passed:
                return {};
            case status::Standing::bypassed:
            case status::Standing::elsewhere:
            case status::Standing::agent:
                return concat({recipe_.through, " started a container, which did not come to aa-shim"});
            case status::Standing::forged:
            case status::Standing::unreadable:
                return report.problem;
            case status::Standing::deviates:
                break;
        }
        for (const auto& process : report.processes) {
            if (process.deviation) return concat({"its process ", decimal(process.pid), ": ", *process.deviation});
        }
        return "it is not as decided";
    }

    void take_away() {
        for (auto words : recipe_.remove) {
            const bool needs_id = std::find(words.begin(), words.end(), kId) != words.end();
            if (needs_id && id_.empty()) continue;
            std::replace(words.begin(), words.end(), std::string(kId), id_);
            if (const auto removed = remove(words); !removed) trial_.left.push_back(removed.error().message);
        }
        for (const auto& directory : recipe_.empty_directories) (void)host_.remove_empty_directory(directory);
        if (!recipe_.has_directory) return;
        if (const auto removed = host_.remove_tree(directory_of(trial_.name)); !removed) trial_.left.push_back(removed.error().message);
    }

    [[nodiscard]] Result<void> remove(const Words& words) const {
        for (int left = kRemovals;; --left) {
            const auto outcome = host_.run(words, kRemovalSeconds);
            if (succeeded(outcome) || has_nothing(outcome)) return {};
            if (left == 0 || !outcome) return Error{ErrorKind::system, concat({quote(join(words, " ")), ": ", said_by(outcome)})};
            (void)::usleep(kBetweenRemovals);
        }
    }

    const Host& host_;
    Recipe recipe_;
    Trial trial_;
    std::string program_;
    std::string id_;
};

}  // namespace

Result<Trial> try_container(const std::string& engine, const std::string& shim, bool by_default) {
    if (!AA_IS_STATIC) {
        return Error{
            ErrorKind::system,
            "not verified: this aa-shimctl is not linked statically, and so cannot run in a container that has nothing else; use the "
            "one of the package"};
    }
    const auto host = TRY(Host::open("/"));
    const auto name = TRY(new_name());
    auto recipe = TRY(recipe_for(host, {engine, shim, by_default, name}));
    const auto answer = host.run(recipe.ask, kSeconds);
    if (!succeeded(answer)) {
        return Error{ErrorKind::system,
                     concat({"not verified: ", engine, " does not answer: ", said_by(answer), "; start it, and say the same again"})};
    }
    const SignalsHeld held;
    return Attempt(host, std::move(recipe), name).make();
}

int wait_in_container() {
    unsigned left = kLifetime;
    while (left > 0) left = ::sleep(left);
    return 0;
}

}  // namespace aa::ctl::verify
