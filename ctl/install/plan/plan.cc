// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/plan.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aa::ctl::install {

namespace {

template <class T>
bool any_changes(const std::vector<T>& changes) {
    return std::any_of(changes.begin(), changes.end(), [](const T& change) { return change.changes(); });
}

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool is_empty(const Host& host, const std::string& directory) {
    const auto names = host.list(directory);
    return host.is_directory(directory) && names && names->empty();
}

}  // namespace

bool Plan::changes() const { return any_changes(files) || any_changes(links); }

Draft::Draft(const Host& host, std::string engine) : host_(&host) { plan_.engine = std::move(engine); }

Result<Draft> Draft::begin(const Host& host, std::string engine) {
    Draft draft(host, std::move(engine));
    draft.record_ = TRY(read_record(host, draft.plan_.engine));
    draft.others_ = TRY(read_other_records(host, draft.plan_.engine));
    return draft;
}

FileChange* Draft::find(const std::string& path) {
    const auto found = std::find_if(plan_.files.begin(), plan_.files.end(), [&](const FileChange& file) { return file.path == path; });
    return found == plan_.files.end() ? nullptr : &*found;
}

// What we wrote and nobody touched becomes the original again, byte for byte; from anything else our part is taken out.
Result<std::optional<HostFile>> Draft::without_us(const std::string& path, DocumentKind kind, const std::optional<HostFile>& before) const {
    if (!before) return before;
    const auto* recorded = record_ ? record_->file(path) : nullptr;
    Recorded known;
    if (recorded != nullptr) {
        if (recorded->original) known.original = recorded->original->text;
        if (!recorded->written.empty()) known.written = recorded->written.front();
        if (recorded->wrote(before->text)) return recorded->original;
    }
    const auto rest = TRY(without_ours(kind, before->text, host_->place(path), known));
    if (!rest) return std::optional<HostFile>();
    HostFile file = *before;
    file.text = *rest;
    return std::optional(std::move(file));
}

Result<std::optional<HostFile>> Draft::base(const std::string& path, DocumentKind kind) {
    if (const auto* known = find(path)) return known->base;
    auto before = TRY(host_->read(path));  // not inside the braces: what is built there by then would leak
    FileChange change{path, kind, std::move(before), {}, {}};
    change.base = TRY(without_us(path, kind, change.before));
    change.after = change.base;
    plan_.files.push_back(change);
    return change.base;
}

void Draft::want_file(const std::string& path, const std::string& text) {
    auto* change = find(path);
    HostFile file = change->base.value_or(HostFile());
    if (change->before) {  // the mode and the owner that it has now are somebody's will
        file = *change->before;
    }
    file.text = text;
    change->after = std::move(file);
}

void Draft::want_link(const std::string& path, const std::string& target) { wanted_links_.push_back({path, target}); }

Result<void> Draft::take_back_the_rest() {
    if (!record_) return {};
    for (const auto& file : record_->files) (void)TRY(base(file.path, file.kind));
    return {};
}

bool Draft::made_by_others(const Link& link) const {
    return std::any_of(others_.begin(), others_.end(), [&](const Record& other) { return other.has_link(link); });
}

bool Draft::made_by_us_alone(const std::string& path, const std::string& target) const {
    return record_ && record_->has_link({path, target}) && !made_by_others({path, target});
}

std::vector<std::string> Draft::other_engines() const {
    std::vector<std::string> engines;
    for (const auto& other : others_) engines.push_back(other.engine);
    return engines;
}

Result<void> Draft::plan_links() {
    for (const auto& link : wanted_links_) {
        const auto target = TRY(host_->read_link(link.path));
        if (target && *target != link.target && made_by_us_alone(link.path, *target)) {
            plan_.links.push_back({link, false, true, *target});
            continue;
        }
        if (target && *target != link.target) {
            return Error{ErrorKind::config, concat({quote(host_->place(link.path)), " leads to ", quote(*target), ", not to ",
                                                    quote(link.target), ": remove it first"})};
        }
        plan_.links.push_back({link, target.has_value(), true});
    }
    if (!record_) return {};
    for (const auto& link : record_->links) {
        const bool wanted =
            std::any_of(wanted_links_.begin(), wanted_links_.end(), [&](const Link& other) { return other.path == link.path; });
        if (wanted || made_by_others(link)) continue;
        const auto target = host_->read_link(link.path);
        // What is no link is somebody else's; what cannot be looked at may be ours.
        if (!target && target.error().kind != ErrorKind::config) return target.error();
        plan_.links.push_back({link, target && *target == link.target, false});
    }
    return {};
}

// The directories that are missing, and those that are ours and not needed any more.
void Draft::plan_directories() {
    std::vector<std::string> needed;
    const auto need = [&](const std::string& directory) {
        std::vector<std::string> missing;
        for (std::string at = directory; !at.empty(); at = directory_of(at)) missing.insert(missing.begin(), at);
        for (const auto& at : missing) {
            if (std::find(needed.begin(), needed.end(), at) == needed.end()) needed.push_back(at);
        }
    };
    bool any = false;
    for (const auto& file : plan_.files) {
        if (file.after && file.after != file.base) need(directory_of(file.path)), any = true;
    }
    for (const auto& link : plan_.links) {
        if (link.shall_be) need(directory_of(link.link.path)), any = true;
    }
    if (any) need(record_directory(plan_.engine));
    for (const auto& directory : needed) {
        if (!host_->is_directory(directory)) plan_.make_directories.push_back(directory);
    }
    // Those of the record are ours even if a crash came before there was one.
    for (const auto& directory : {record_directory(plan_.engine), std::string(kRecords), directory_of(std::string(kRecords))}) {
        const bool recorded = record_ && record_->has_directory(directory);
        if (!any && !recorded && host_->is_directory(directory)) plan_.remove_directories.push_back(directory);
    }
    for (const auto& made : record_ ? record_->directories : std::vector<std::string>()) {
        if (std::find(needed.begin(), needed.end(), made) == needed.end()) plan_.remove_directories.push_back(made);
    }
    // Those of an install that was killed before it had a record.
    const auto recorded_engines = host_->list(std::string(kRecords));
    for (const auto& name : recorded_engines ? *recorded_engines : std::vector<std::string>()) {
        const auto directory = record_directory(name);
        if (name != plan_.engine && is_empty(*host_, directory)) plan_.remove_directories.push_back(directory);
    }
    std::sort(plan_.remove_directories.rbegin(), plan_.remove_directories.rend());
}

void Draft::plan_record() {
    Record record;
    record.engine = plan_.engine;
    for (const auto& file : plan_.files) {
        if (!file.after || file.after == file.base) continue;
        RecordedFile recorded{file.path, file.kind, file.base, {file.after->text}};
        const auto* earlier = record_ ? record_->file(file.path) : nullptr;
        if (file.changes() && file.before && earlier != nullptr && earlier->wrote(file.before->text))
            recorded.written.push_back(file.before->text);
        record.files.push_back(std::move(recorded));
    }
    for (const auto& link : plan_.links) {
        const bool ours = !link.is_there || (record_ && record_->has_link(link.link)) || made_by_others(link.link);
        if (link.shall_be && ours) record.links.push_back(link.link);
    }
    record.directories = plan_.make_directories;
    const auto keep = [&](const std::string& directory) {
        const bool goes =
            std::find(plan_.remove_directories.begin(), plan_.remove_directories.end(), directory) != plan_.remove_directories.end();
        if (!goes && !record.has_directory(directory)) record.directories.push_back(directory);
    };
    if (record_) std::for_each(record_->directories.begin(), record_->directories.end(), keep);
    // What another engine's install made and this one uses is made by both: the last to go removes it.
    for (const auto& other : others_) {
        for (const auto& directory : other.directories) {
            const auto uses = [&](const std::string& path) { return path.starts_with(directory + "/"); };
            const bool used =
                std::any_of(record.files.begin(), record.files.end(), [&](const RecordedFile& file) { return uses(file.path); }) ||
                std::any_of(record.links.begin(), record.links.end(), [&](const Link& link) { return uses(link.path); }) ||
                uses(record_directory(plan_.engine) + "/");
            if (used) keep(directory);
        }
    }
    std::sort(record.directories.begin(), record.directories.end());
    const bool anything = !record.files.empty() || !record.links.empty() ||
                          std::any_of(plan_.links.begin(), plan_.links.end(), [](const LinkChange& link) { return link.shall_be; });
    if (anything) plan_.record_after = std::move(record);
    plan_.record_before = record_;
}

Result<void> Draft::require_writable() const {
    for (const auto& file : plan_.files) {
        if (file.changes()) TRY(host_->require_writable(file.path));
    }
    for (const auto& link : plan_.links) {
        if (link.changes()) TRY(host_->require_writable(link.link.path));
    }
    if (plan_.changes()) TRY(host_->require_writable(record_directory(plan_.engine) + "/record.json"));
    return {};
}

void Draft::found_elsewhere(std::vector<std::string> found) {
    elsewhere_.insert(elsewhere_.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

Result<void> Draft::require_nothing_left() const {
    auto left = elsewhere_;
    for (const auto& file : plan_.files) {
        if (!file.after) continue;
        auto found = found_of_ours(file.kind, file.after->text, host_->place(file.path));
        left.insert(left.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    }
    if (left.empty()) return {};
    return Error{ErrorKind::config,
                 concat({join(left, "; "),
                         ": aa-shimctl did not write this as it is, and it would be left behind: take it out by hand first; "
                         "nothing was changed"})};
}

Result<Plan> Draft::finish() {
    TRY(take_back_the_rest());
    TRY(plan_links());
    plan_directories();
    plan_record();
    TRY(require_writable());
    return std::move(plan_);
}

}  // namespace aa::ctl::install
