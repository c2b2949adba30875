// SPDX-License-Identifier: Apache-2.0
#include "base/diff.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace aa {

namespace {

constexpr std::size_t kContext = 3;
constexpr std::size_t kLargestTable = 4'000'000;  // of the common subsequence; beyond it everything between is replaced

enum class Side { both, old_only, new_only };

struct DiffLine {
    Side side = Side::both;
    std::string_view text;  // with its line end, if it has one
};

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> result;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1);
        result.push_back(text.substr(0, end + 1));
        text.remove_prefix(end + 1);
    }
    return result;
}

using Lines = std::vector<std::string_view>;

// What is between the common beginning and the common end, by the longest common subsequence.
void diff_middle(const Lines& a, std::size_t a_begin, std::size_t a_end, const Lines& b, std::size_t b_begin, std::size_t b_end,
                 std::vector<DiffLine>& out) {
    const std::size_t rows = a_end - a_begin;
    const std::size_t columns = b_end - b_begin;
    std::vector<unsigned> longest;
    const bool small = rows == 0 || columns < kLargestTable / rows;
    if (small) {
        longest.assign((rows + 1) * (columns + 1), 0);
        for (std::size_t i = rows; i-- > 0;) {
            for (std::size_t j = columns; j-- > 0;) {
                const auto at = [&](std::size_t row, std::size_t column) { return longest[row * (columns + 1) + column]; };
                longest[i * (columns + 1) + j] =
                    a[a_begin + i] == b[b_begin + j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
            }
        }
    }
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < rows || j < columns) {
        if (small && i < rows && j < columns && a[a_begin + i] == b[b_begin + j]) {
            out.push_back({Side::both, a[a_begin + i]}), ++i, ++j;
        } else if (j == columns || (i < rows && (!small || longest[(i + 1) * (columns + 1) + j] >= longest[i * (columns + 1) + j + 1]))) {
            out.push_back({Side::old_only, a[a_begin + i++]});
        } else {
            out.push_back({Side::new_only, b[b_begin + j++]});
        }
    }
}

std::vector<DiffLine> diff_lines(const Lines& a, const Lines& b) {
    std::vector<DiffLine> out;
    std::size_t front = 0;
    while (front < a.size() && front < b.size() && a[front] == b[front]) out.push_back({Side::both, a[front++]});
    std::size_t back = 0;
    while (back < a.size() - front && back < b.size() - front && a[a.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
    diff_middle(a, front, a.size() - back, b, front, b.size() - back, out);
    for (std::size_t i = a.size() - back; i < a.size(); ++i) out.push_back({Side::both, a[i]});
    return out;
}

std::string range(std::size_t begin, std::size_t count) {
    return concat({decimal(static_cast<long long>(count == 0 ? begin : begin + 1)), count == 1 ? "" : ",",
                   count == 1 ? "" : decimal(static_cast<long long>(count))});
}

// The lines [BEGIN, END), of which OLD_BEGIN and NEW_BEGIN lines of each text come before.
std::string hunk(const std::vector<DiffLine>& all, std::size_t begin, std::size_t end, std::size_t old_begin, std::size_t new_begin) {
    std::string body;
    std::size_t old_count = 0;
    std::size_t new_count = 0;
    for (std::size_t i = begin; i < end; ++i) {
        const auto& line = all[i];
        if (line.side != Side::new_only) ++old_count;
        if (line.side != Side::old_only) ++new_count;
        body += concat({line.side == Side::both ? " " : line.side == Side::old_only ? "-" : "+", line.text});
        if (!line.text.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    return concat({"@@ -", range(old_begin, old_count), " +", range(new_begin, new_count), " @@\n", body});
}

}  // namespace

std::string unified_diff(std::string_view old_text, std::string_view new_text, std::string_view old_name, std::string_view new_name) {
    if (old_text == new_text) return {};
    const auto all = diff_lines(split(old_text), split(new_text));
    std::string result = concat({"--- ", old_name, "\n+++ ", new_name, "\n"});
    std::size_t old_line = 0;
    std::size_t new_line = 0;
    std::size_t done = 0;  // lines of ALL that the two counts are of
    const auto count_to = [&](std::size_t end) {
        for (; done < end; ++done) {
            if (all[done].side != Side::new_only) ++old_line;
            if (all[done].side != Side::old_only) ++new_line;
        }
    };
    std::size_t at = 0;
    while (true) {
        while (at < all.size() && all[at].side == Side::both) ++at;
        if (at == all.size()) return result;
        const std::size_t begin = std::max(at - std::min(at, kContext), done);
        std::size_t last = at;  // the last line of the hunk that differs
        for (std::size_t i = at; i < all.size() && i <= last + 2 * kContext + 1; ++i) {
            if (all[i].side != Side::both) last = i;
        }
        const std::size_t end = std::min(last + kContext + 1, all.size());
        count_to(begin);
        result += hunk(all, begin, end, old_line, new_line);
        count_to(end);
        at = end;
    }
}

}  // namespace aa
