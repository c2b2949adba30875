// SPDX-License-Identifier: Apache-2.0
//
// Decisions on record, as docs/logging.md describes them: read from the journal or from a file, and the facts in them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/explain/explain.h"

namespace aa::ctl {

// One record: its fields by the names that they have in a file.
class DecisionRecord {
public:
    std::map<std::string, std::string, std::less<>> fields{};

    // The field NAME; nothing if the record does not have it.
    [[nodiscard]] std::optional<std::string> get(std::string_view name) const;
    // The same; empty if it does not have it.
    [[nodiscard]] std::string text(std::string_view name) const { return get(name).value_or(""); }
};

struct RecordsRead {
    std::vector<DecisionRecord> records;
    std::size_t strange = 0;         // lines that are no record
    std::size_t objects = 0;         // lines that are objects of JSON
    std::vector<std::string> notes;  // files that hold none, and why
};

// The records in TEXT, an object a line: of a file, or as `journalctl --output=json` writes the journal's.
RecordsRead read_records(std::string_view text);

// The records in the files PATHS. One in which no line is an object is no log: an error of kind config.
Result<RecordsRead> read_record_files(const std::vector<std::string>& paths);

// The program journalctl(1); nullptr if this host has none.
const char* find_journalctl();

// What the journal has that WORDS of journalctl(1) select and that came after SINCE (empty: from the beginning): an object a line, for TAKE, which
// says whether it wants more.
Result<void> read_journal_lines(const std::vector<std::string>& words, const std::string& since,
                                const std::function<bool(std::string_view)>& take);

// The newest records of the journal, by journalctl(1), which SINCE is handed to (empty: from the beginning). Of root's processes
// only: anybody can write to the journal.
Result<RecordsRead> read_journal(const std::string& since);

// What a record says of a container, as facts are given to `explain`; and the facts that it does not tell, by the names of the
// catalog's clauses.
struct RecordedFacts {
    ExplainOptions given;
    std::set<std::string, std::less<>> unknown;
};
RecordedFacts facts_on_record(const DecisionRecord& record);

}  // namespace aa::ctl
