// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/apply.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace aa::ctl::install {

namespace {

Result<void> put_file(const Host& host, const std::string& path, const std::optional<HostFile>& file) {
    return file ? host.write(path, *file) : host.remove(path);
}

Result<void> put_link(const Host& host, const LinkChange& change, bool shall_be) {
    const auto& link = change.link;
    if (change.replaces.empty()) return shall_be ? host.make_link(link.path, link.target) : host.remove(link.path);
    const auto replaced = host.replace_link(link.path, shall_be ? link.target : change.replaces);
    return replaced ? Result<void>() : Result<void>(replaced.error());
}

class Application {
public:
    Application(const Host& host, const Plan& plan) : host_(host), plan_(plan) {}

    Result<void> run(const std::function<Result<void>()>& validate) {
        TRY(make_directories(true));
        if (plan_.record_after && plan_.record_after != plan_.record_before) {
            TRY(write_record(host_, plan_.record_before ? united(*plan_.record_after, *plan_.record_before) : *plan_.record_after));
        }
        TRY(make_directories(false));
        TRY(put_links(true));
        for (const auto& file : plan_.files) {
            TRY(host_.remove_half_written(file.path));
            if (!file.changes()) continue;
            TRY(put_file(host_, file.path, file.after));
            files_done_.push_back(&file);
        }
        TRY(put_links(false));
        return validate();
    }

    // When everything is in its place.
    Result<void> clean_up() {
        if (plan_.record_after && plan_.record_after != plan_.record_before) TRY(write_record(host_, *plan_.record_after));
        TRY(remove_directories(false));
        TRY(tidy_records(host_, plan_.engine, plan_.record_after));
        return remove_directories(true);
    }

    // Everything as it was; the first failure on the way, if any.
    Result<void> undo() {
        Result<void> result;
        const auto note = [&result](Result<void> step) {
            if (!step && result) result = std::move(step);
        };
        for (auto file = files_done_.rbegin(); file != files_done_.rend(); ++file) note(put_file(host_, (*file)->path, (*file)->before));
        for (auto link = links_done_.rbegin(); link != links_done_.rend(); ++link) note(put_link(host_, **link, (*link)->is_there));
        if (result) {  // else the record is still needed
            if (plan_.record_before) note(write_record(host_, *plan_.record_before));
            note(tidy_records(host_, plan_.engine, plan_.record_before));
        }
        for (auto made = directories_done_.rbegin(); made != directories_done_.rend(); ++made) note(host_.remove_empty_directory(*made));
        return result;
    }

private:
    [[nodiscard]] bool holds_record(const std::string& directory) const {
        return concat({record_directory(plan_.engine), "/"}).starts_with(directory + "/");
    }

    [[nodiscard]] Result<void> remove_directories(bool for_record) const {
        for (const auto& directory : plan_.remove_directories) {
            if (holds_record(directory) == for_record) TRY(host_.remove_empty_directory(directory));
        }
        return {};
    }

    Result<void> make_directories(bool for_record) {
        for (const auto& directory : plan_.make_directories) {
            if (holds_record(directory) != for_record) continue;
            TRY(host_.make_directory(directory, directory.starts_with(kRecords) ? 0700 : 0755));
            directories_done_.push_back(directory);
        }
        return {};
    }

    Result<void> put_links(bool made) {
        for (const auto& link : plan_.links) {
            if (!link.changes() || link.shall_be != made) continue;
            TRY(put_link(host_, link, link.shall_be));
            links_done_.push_back(&link);
        }
        return {};
    }

    const Host& host_;
    const Plan& plan_;
    std::vector<const FileChange*> files_done_;
    std::vector<const LinkChange*> links_done_;
    std::vector<std::string> directories_done_;
};

}  // namespace

Result<void> apply(const Host& host, const Plan& plan, const std::function<Result<void>()>& validate) {
    Application application(host, plan);
    auto result = application.run(validate);
    if (result) return application.clean_up();
    const auto undone = application.undo();
    auto error = std::move(result).error();
    error.message += undone ? "; everything is as it was before"
                            : concat({"; and going back failed: ", undone.error().message, "; run aa-shimctl uninstall ", plan.engine});
    return error;
}

}  // namespace aa::ctl::install
