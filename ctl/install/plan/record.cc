// SPDX-License-Identifier: Apache-2.0
#include "ctl/install/plan/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace aa::ctl::install {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::string_view kName = "/record.json";

// The backup of a file: its path in one name.
std::string backup_path(std::string_view engine, std::string_view path) {
    std::string name(path.substr(1));
    std::replace(name.begin(), name.end(), '/', '-');
    return concat({record_directory(engine), "/", name});
}

Json to_json(const RecordedFile& file) {
    Json document = {{"path", file.path}, {"kind", name_of(file.kind)}, {"existed", file.original.has_value()}};
    if (file.original) {
        document["owner"] = file.original->owner;
        document["group"] = file.original->group;
        document["mode"] = file.original->mode;
    }
    document["written"] = file.written;
    return document;
}

Json to_json(const Record& record) {
    Json files = Json::array();
    for (const auto& file : record.files) files.push_back(to_json(file));
    Json links = Json::array();
    for (const auto& link : record.links) links.push_back({{"path", link.path}, {"target", link.target}});
    return {{"version", kVersion}, {"engine", record.engine}, {"files", files}, {"links", links}, {"directories", record.directories}};
}

Result<RecordedFile> read_recorded_file(const Host& host, const std::string& engine, const Json& document) {
    RecordedFile file;
    file.path = document.at("path").get<std::string>();
    const auto kind = document_kind(document.at("kind").get<std::string>());
    if (!kind || !file.path.starts_with('/'))
        return Error{ErrorKind::config, concat({"what it says of ", quote(file.path), " is not understood"})};
    file.kind = *kind;
    file.written = document.at("written").get<std::vector<std::string>>();
    if (document.at("existed").get<bool>()) {
        const auto backup = TRY(host.read(backup_path(engine, file.path)));
        if (!backup)
            return Error{ErrorKind::config, concat({"the backup ", quote(host.place(backup_path(engine, file.path))), " is missing"})};
        file.original =
            HostFile{backup->text, document.at("owner").get<uid_t>(), document.at("group").get<gid_t>(), document.at("mode").get<mode_t>()};
    }
    return file;
}

// Throws what the JSON library throws.
Result<Record> read_document(const Host& host, const std::string& engine, const std::string& text) {
    const auto document = Json::parse(text);
    Record record;
    record.engine = document.at("engine").get<std::string>();
    if (document.at("version").get<int>() != kVersion || record.engine != engine) {
        return Error{ErrorKind::config, "it was written by another version of aa-shimctl"};
    }
    for (const auto& file : document.at("files")) record.files.push_back(TRY(read_recorded_file(host, engine, file)));
    for (const auto& link : document.at("links"))
        record.links.push_back({link.at("path").get<std::string>(), link.at("target").get<std::string>()});
    record.directories = document.at("directories").get<std::vector<std::string>>();
    return record;
}

}  // namespace

bool RecordedFile::wrote(const std::string& text) const { return std::find(written.begin(), written.end(), text) != written.end(); }

const RecordedFile* Record::file(std::string_view path) const {
    const auto found = std::find_if(files.begin(), files.end(), [&](const RecordedFile& file) { return file.path == path; });
    return found == files.end() ? nullptr : &*found;
}

bool Record::has_link(const Link& link) const { return std::find(links.begin(), links.end(), link) != links.end(); }

bool Record::has_directory(std::string_view path) const {
    return std::find(directories.begin(), directories.end(), path) != directories.end();
}

std::string record_directory(std::string_view engine) { return concat({kRecords, "/", engine}); }

Result<std::optional<Record>> read_record(const Host& host, const std::string& engine) {
    const auto path = concat({record_directory(engine), kName});
    const auto file = TRY(host.read(path));
    if (!file) return std::optional<Record>();
    auto read = [&]() -> Result<Record> {
        try {
            return read_document(host, engine, file->text);
        } catch (const Json::exception& error) {
            return Error{ErrorKind::config, error.what()};
        }
    }();
    if (!read) {
        return Error{ErrorKind::config, concat({"the record ", quote(host.place(path)), " cannot be used: ", read.error().message,
                                                "; move its directory away, and what is ours is found by its form"})};
    }
    return std::optional(*std::move(read));
}

Result<std::vector<Record>> read_other_records(const Host& host, const std::string& engine) {
    std::vector<Record> records;
    for (const auto& name : TRY(host.list(std::string(kRecords)))) {
        if (name == engine) continue;
        if (auto record = TRY(read_record(host, name))) records.push_back(*std::move(record));
    }
    return records;
}

Result<void> write_record(const Host& host, const Record& record) {
    for (const auto& file : record.files) {
        if (file.original) TRY(host.write(backup_path(record.engine, file.path), {file.original->text, 0, 0, 0600}));
    }
    return host.write(concat({record_directory(record.engine), kName}), {to_json(record).dump(2) + "\n", 0, 0, 0600});
}

Record united(const Record& one, const Record& other) {
    Record both = one;
    for (const auto& file : other.files) {
        if (both.file(file.path) == nullptr) both.files.push_back(file);
    }
    for (const auto& link : other.links) {
        if (!both.has_link(link)) both.links.push_back(link);
    }
    for (const auto& directory : other.directories) {
        if (!both.has_directory(directory)) both.directories.push_back(directory);
    }
    std::sort(both.directories.begin(), both.directories.end());
    return both;
}

// The record itself goes first: without it, what is left says nothing.
Result<void> tidy_records(const Host& host, const std::string& engine, const std::optional<Record>& kept) {
    const auto directory = record_directory(engine);
    std::vector<std::string> needed;
    if (kept) {
        needed.push_back(concat({directory, kName}));
        for (const auto& file : kept->files) {
            if (file.original) needed.push_back(backup_path(engine, file.path));
        }
    } else {
        TRY(host.remove(concat({directory, kName})));
    }
    for (const auto& name : TRY(host.list(directory))) {
        const auto path = concat({directory, "/", name});
        if (std::find(needed.begin(), needed.end(), path) == needed.end()) TRY(host.remove(path));
    }
    return {};
}

}  // namespace aa::ctl::install
