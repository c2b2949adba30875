// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/file_rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "apparmor/audit/rule.h"
#include "apparmor/learn/name_pattern.h"
#include "apparmor/learn/whole_folders.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::size_t kMostOfOneRule = 160;  // bytes of the names that one rule has between braces
constexpr std::string_view kWrites = "wacd";

bool has_any(std::string_view letters, std::string_view wanted) { return letters.find_first_of(wanted) != std::string_view::npos; }

// How a file is used: the letters of records, if the task owns it, and if it does not.
struct Use {
    std::string own, others;
    std::vector<Seen> seen;

    [[nodiscard]] std::string all() const { return own + others; }
    [[nodiscard]] bool is_code() const { return has_any(all(), "xm"); }
    [[nodiscard]] bool is_written() const { return has_any(all(), kWrites) && !is_code(); }
    void add(const Use& more) {
        own += more.own;
        others += more.others;
        seen.insert(seen.end(), more.seen.begin(), more.seen.end());
    }
};
using Uses = std::map<Parts, Use>;

struct File {
    std::string name;
    Parts parts;
    Use use;
};

NameUse name_use(const Use& use) {
    if (has_any(use.all(), "x")) return NameUse::executed;
    return use.is_written() ? NameUse::made : NameUse::read;
}

std::vector<File> files_of(const std::vector<Seen>& facts) {
    std::map<std::string, Use> by_name;
    for (const auto& one : facts) {
        auto& use = by_name[one.fact->event.name];
        (one.fact->owned() ? use.own : use.others) += one.fact->event.denied;
        use.seen.push_back(one);
    }
    std::vector<File> files;
    files.reserve(by_name.size());
    for (auto& [name, use] : by_name) files.push_back({name, parts_of(name, name_use(use)), std::move(use)});
    return files;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// What the image brought, or the kernel tells of itself: what everybody may read.
bool is_public(const Parts& parts, const Use& use) {
    if (parts.empty() || use.is_written()) return false;
    const bool of_image = is_one_of(parts.front(), {"usr", "bin", "sbin", "etc", "opt"}) || parts.front().starts_with("lib");
    const bool of_process = parts.size() > 1 && is_one_of(parts[1], {"@{pid}", "@{pid}/", "self", "thread-self"});
    return of_image || parts.front() == "sys" || (parts.front() == "proc" && !of_process);
}

Area area_of(const Parts& parts, const Use& use) {
    const auto first = parts.empty() ? std::string_view() : std::string_view(parts.front());
    if (has_any(use.all(), "x")) return Area::programs;
    if (use.is_code()) return Area::libraries;
    if (first == "dev" && !(parts.size() > 1 && parts[1].starts_with("shm"))) return Area::devices;
    if (is_one_of(first, {"proc", "sys"})) return Area::kernel;
    if (use.is_written()) return Area::state;
    return first == "etc" ? Area::configuration : Area::data;
}

// The letters of the rules for a use: for everybody, and for the owner.
struct Letters {
    std::string everybody, owner;
    auto operator<=>(const Letters&) const = default;
};

Letters letters_of(const Parts& parts, const Use& use) {
    if (is_public(parts, use)) return {rule_letters(use.all()), {}};
    Letters letters{rule_letters(use.others), rule_letters(use.own)};
    // A rule that says `w` has `a`, too.
    const auto has = [&](char c) { return has_any(letters.everybody, {&c, 1}) || (c == 'a' && has_any(letters.everybody, "w")); };
    if (std::all_of(letters.owner.begin(), letters.owner.end(), has)) letters.owner.clear();
    return letters;
}

class Rules {
public:
    explicit Rules(const std::vector<File>& files) {
        for (const auto& file : files) {
            if (file.use.is_written()) made_.add(file.parts, file.name);
        }
        std::vector<const File*> rest;
        for (const auto& file : files) {
            if (!file.use.is_code() && take(made_, file)) continue;
            rest.push_back(&file);
            if (!file.use.is_written()) (is_library(file) ? libraries_ : read_).add(file.parts, file.name);
        }
        for (const auto* file : rest) {
            const bool is_taken = is_library(*file) ? take(libraries_, *file) : is_read(*file) && take(read_, *file);
            if (!is_taken) alone_[file->parts].add(file->use);
        }
    }

    std::vector<LearnedRule> all() {
        for (const auto& [parts, use] : whole_) add(parts, use);
        add_alone();
        std::ranges::sort(rules_, {}, [](const LearnedRule& rule) { return std::pair(rule.area, std::string_view(rule.text)); });
        return std::move(rules_);
    }

private:
    static bool is_read(const File& file) { return !file.use.is_code() && !file.use.is_written(); }
    static bool is_library(const File& file) {
        return file.use.is_code() && !has_any(file.use.all(), "x") && file.parts.back().find(".so") != std::string::npos;
    }

    // Whether FILE is in one of FOLDERS as a whole, which then has a rule.
    bool take(const WholeFolders& folders, const File& file) {
        auto pattern = folders.above(file.parts);
        if (pattern.empty()) return false;
        const bool itself = file.parts.size() == pattern.size();
        const std::string_view below = is_library(file) ? "**.so*" : folders.is_deep(pattern) ? "**" : "*";
        pattern.emplace_back(below);
        whole_[pattern].add(file.use);
        if (itself) itself_.insert(pattern);
        return true;
    }

    void add(const Parts& parts, const Use& use) {
        auto written = parts;
        if (itself_.contains(parts)) written.back() = concat({"{,", parts.back(), "}"});
        add(written, letters_of(parts, use), area_of(parts, use), use.seen);
    }

    void add(const Parts& parts, const Letters& letters, Area area, const std::vector<Seen>& seen) {
        const auto path = spelled(parts);
        if (!letters.everybody.empty()) rules_.push_back({area, concat({path, " ", letters.everybody}), seen});
        if (!letters.owner.empty()) rules_.push_back({area, concat({"owner ", path, " ", letters.owner}), seen});
    }

    // Files of one folder that are used in the same way are one rule.
    void add_alone() {
        std::map<std::tuple<Area, Parts, Letters>, std::vector<std::pair<std::string, const Use*>>> groups;
        for (const auto& [parts, use] : alone_) {
            auto folder = parts;
            if (!folder.empty()) folder.pop_back();
            groups[{area_of(parts, use), folder, letters_of(parts, use)}].emplace_back(parts.empty() ? "" : parts.back(), &use);
        }
        for (const auto& [key, names] : groups) {
            const auto& [area, folder, letters] = key;
            for (std::size_t from = 0; from < names.size();) {
                std::vector<std::string> together;
                std::vector<Seen> seen;
                for (std::size_t size = 0; from < names.size() && size < kMostOfOneRule; ++from) {
                    together.push_back(names[from].first);
                    size += together.back().size();
                    seen.insert(seen.end(), names[from].second->seen.begin(), names[from].second->seen.end());
                }
                auto parts = folder;
                if (!together.front().empty()) parts.push_back(any_of(together));
                add(parts, letters, area, seen);
            }
        }
    }

    WholeFolders made_{WholeFolders::Use::made}, read_{WholeFolders::Use::read}, libraries_{WholeFolders::Use::mapped};
    Uses whole_, alone_;
    std::set<Parts> itself_;
    std::vector<LearnedRule> rules_;
};

}  // namespace

std::vector<LearnedRule> file_rules(const std::vector<Seen>& facts) { return Rules(files_of(facts)).all(); }

}  // namespace aa::apparmor
