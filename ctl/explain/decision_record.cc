// SPDX-License-Identifier: Apache-2.0
#include "ctl/explain/decision_record.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "apparmor/catalog/engine_facts.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "ctl/cli/output.h"

namespace aa::ctl {
namespace {

constexpr std::size_t kMaxLog = std::size_t{1} << 30U;
constexpr std::string_view kPrefix = "AA_SHIM_";
constexpr std::string_view kCut = "…";  // where a value was too long
constexpr const char* kMaxRecords = "100000";
constexpr std::array kJournalctl = {"/usr/bin/journalctl", "/bin/journalctl"};

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// TEXT with each \xHH the byte that it stands for.
std::string unescape(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool escaped = text.substr(at, 2) == "\\x" && at + 3 < text.size() && digit(text[at + 2]) >= 0 && digit(text[at + 3]) >= 0;
        result += escaped ? static_cast<char>(digit(text[at + 2]) * 16 + digit(text[at + 3])) : text[at];
        if (escaped) at += 3;
    }
    return result;
}

// The record that the object DOCUMENT is; nothing if it is none.
std::optional<DecisionRecord> record_of(const Json& document) {
    if (!document.is_object()) return std::nullopt;
    const bool journal = document.contains(concat({kPrefix, "OUTCOME"}));
    DecisionRecord record;
    for (const auto& [name, value] : document.items()) {
        if (!value.is_string()) continue;
        if (!journal) record.fields.emplace(name, value.get<std::string>());
        if (journal && name.starts_with(kPrefix)) {
            record.fields.emplace(lower(std::string_view(name).substr(kPrefix.size())), unescape(value.get<std::string>()));
        }
    }
    if (journal && document.contains("MESSAGE") && document["MESSAGE"].is_string()) {
        record.fields.emplace("message", document["MESSAGE"].get<std::string>());
    }
    const auto outcome = record.text("outcome");
    if ((outcome != "allowed" && outcome != "refused" && outcome != "found") || record.text("command").empty()) return std::nullopt;
    return record;
}

void add_line(std::string_view line, RecordsRead& result) {
    if (line.empty()) return;
    const auto document = Json::parse(line, nullptr, false);
    auto record = document.is_discarded() ? std::nullopt : record_of(document);
    if (document.is_object()) ++result.objects;
    if (record) {
        result.records.push_back(*std::move(record));
    } else {
        ++result.strange;
    }
}

// Takes "NAME='VALUE'" off TEXT; false if it does not begin so.
bool take_fact(std::string_view& text, std::string_view& name, std::string_view& value) {
    const std::size_t equals = text.find("='");
    const std::size_t end = equals == std::string_view::npos ? equals : text.find('\'', equals + 2);
    if (end == std::string_view::npos) return false;
    name = text.substr(0, equals);
    value = text.substr(equals + 2, end - equals - 2);
    text.remove_prefix(end + 1);
    if (text.starts_with(' ')) text.remove_prefix(1);
    return true;
}

class FactsReader {
public:
    RecordedFacts read(std::string_view summary) {
        result_.unknown = {"labels", "annotations"};  // many, and perhaps secrets: they are never written down
        std::string_view name;
        std::string_view value;
        while (!summary.empty() && take_fact(summary, name, value)) {
            seen_.emplace(name);
            if (value.ends_with(kCut) || !take(name, unescape(value))) result_.unknown.emplace(name);
        }
        // Where the line was cut, anything may have stood.
        if (!summary.empty() || seen_.empty()) {
            for (const char* any : {"engine", "handler", "namespace", "pod", "name", "image", "entrypoint", "user", "privileged", "sandbox",
                                    "hostPath", "device", "hostNamespace", "unmasked", "hooks"}) {
                if (!seen_.contains(any)) result_.unknown.emplace(any);
            }
        }
        // It is looked for where a rule asks for it.
        if (!seen_.contains("entrypoint")) result_.unknown.emplace("entrypoint");
        // So is Docker's own record.
        if (result_.given.engine == "docker" && !seen_.contains("image")) result_.unknown.insert({"image", "name", "privileged"});
        const auto& engine = result_.given.engine;
        if (!engine.empty() && !apparmor::why_not_told(&engine, {apparmor::EngineFact::labels}).empty()) result_.unknown.erase("labels");
        // The host's user and control group namespaces are not written down, as most containers have them.
        result_.unknown.emplace("usualNamespace");
        return std::move(result_);
    }

private:
    bool take(std::string_view name, std::string value) {
        auto& given = result_.given;
        unsigned long long number = 0;
        if (name == "engine") return set(given.engine, std::move(value));
        if (name == "handler") return set(given.handler, std::move(value));
        if (name == "namespace") return set(given.kubernetes_namespace, std::move(value));
        if (name == "pod") return set(given.pod, std::move(value));
        if (name == "name") return set(given.name, std::move(value));
        if (name == "image") return set(given.image, std::move(value));
        if (name == "entrypoint") return set(given.entrypoint, std::move(value));
        if (name == "user" && parse_decimal(value, number) && number <= UINT32_MAX) {
            given.user = static_cast<std::uint32_t>(number);
            return true;
        }
        if (name == "hostNamespace") return set_namespaces(value);
        if (name == "privileged") given.privileged = value == "true";
        if (name == "sandbox") given.sandbox = true;
        if (name == "unmasked") given.unmasked = true;
        if (name == "hooks") given.hooks = true;
        // Of a place of the host and of a device it has one name, and rules may ask for another one.
        return name == "privileged" || name == "sandbox" || name == "unmasked" || name == "hooks";
    }
    bool set_namespaces(std::string_view names) {
        while (!names.empty()) {
            const std::size_t comma = std::min(names.find(", "), names.size());
            result_.given.host_namespaces.emplace_back(names.substr(0, comma));
            names.remove_prefix(std::min(comma + 2, names.size()));
        }
        return true;
    }
    static bool set(std::string& member, std::string value) {
        member = std::move(value);
        return true;
    }

    RecordedFacts result_;
    std::set<std::string, std::less<>> seen_;
};

}  // namespace

std::optional<std::string> DecisionRecord::get(std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::nullopt : std::optional(found->second);
}

RecordsRead read_records(std::string_view text) {
    RecordsRead result;
    for (const auto line : lines(text)) add_line(line, result);
    return result;
}

Result<RecordsRead> read_record_files(const std::vector<std::string>& paths) {
    RecordsRead all;
    for (const auto& path : paths) {
        const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NOCTTY));
        auto read = read_records(TRY(read_file(fd.get(), kMaxLog, path)).text());
        const auto lines = decimal(static_cast<long long>(read.strange));
        if (read.strange > 0 && read.objects == 0) {
            return Error{ErrorKind::config, concat({quote(path), " is no log of decisions: none of its lines (", lines,
                                                    ") is an object of JSON; name the file that the catalog calls \"decisionLog\", or what "
                                                    "`journalctl --output=json` wrote"})};
        }
        if (read.records.empty()) {
            all.notes.push_back(
                concat({quote(path), read.strange == 0 ? " is empty" : concat({" holds no decision, and ", lines, " other lines"})}));
        }
        all.strange += read.strange;
        all.objects += read.objects;
        std::ranges::move(read.records, std::back_inserter(all.records));
    }
    return all;
}

const char* find_journalctl() {
    for (const char* program : kJournalctl) {
        if (::access(program, X_OK) == 0) return program;
    }
    return nullptr;
}

Result<void> read_journal_lines(const std::vector<std::string>& words, const std::string& since,
                                const std::function<bool(std::string_view)>& take) {
    const char* const program = find_journalctl();
    if (program == nullptr) {
        return Error{ErrorKind::system, concat({"there is no journalctl here (looked for ", kJournalctl[0], " and ", kJournalctl[1],
                                                "): name the file of \"decisionLog\" with --log"})};
    }
    Command command{{program, "--output=json", "--no-pager", "--quiet"}, {}, {}, 0, {}};
    command.words.insert(command.words.end(), words.begin(), words.end());
    if (!since.empty()) command.words.push_back("--since=" + since);
    const auto outcome = TRY(run_for_lines(command, take));
    if (!outcome.ok()) return Error{ErrorKind::system, concat({program, " failed: ", last_words(outcome)})};
    return {};
}

Result<RecordsRead> read_journal(const std::string& since) {
    RecordsRead result;
    const auto take = [&](std::string_view line) {
        add_line(line, result);
        return true;
    };
    TRY(read_journal_lines({"--lines", kMaxRecords, "SYSLOG_IDENTIFIER=aa-shim", "_UID=0"}, since, take));
    return result;
}

RecordedFacts facts_on_record(const DecisionRecord& record) { return FactsReader().read(record.text("facts")); }

}  // namespace aa::ctl
