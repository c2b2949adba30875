// SPDX-License-Identifier: Apache-2.0
//
// A plan: everything that an install or uninstall will change, as a value. It is made by looking only; showing it and carrying
// it out are one place each (show.h, apply.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/install/document/document.h"
#include "ctl/install/plan/record.h"

namespace aa::ctl::install {

struct FileChange {
    std::string path;
    DocumentKind kind = DocumentKind::toml;
    std::optional<HostFile> before;  // what is there now
    std::optional<HostFile> base;    // what would be there without us
    std::optional<HostFile> after;   // what is to be there

    [[nodiscard]] bool changes() const { return before != after; }
};

struct LinkChange {
    Link link;
    bool is_there = false, shall_be = false;
    std::string replaces = {};  // where the link that we made before leads; empty: there is none

    [[nodiscard]] bool changes() const { return is_there != shall_be; }
};

struct Plan {
    std::string engine;
    std::vector<FileChange> files;  // those that stay as they are, too
    std::vector<LinkChange> links;
    std::vector<std::string> make_directories;    // each behind the one that it is in
    std::vector<std::string> remove_directories;  // if they are empty then; each before the one that it is in
    std::optional<Record> record_before, record_after;

    std::vector<std::string> notes;  // what the operator should know
    std::vector<std::string> open;   // ways around aa-shim that stay open
    std::vector<std::string> next;   // what to do now

    // Whether a file or link changes: what the operator sees.
    [[nodiscard]] bool changes() const;
};

// What an engine wants to be there, while it is being judged: it looks at files as they would be without us, and says what
// they shall be. Whatever the record has and the engine does not want any more is taken back.
class Draft {
public:
    static Result<Draft> begin(const Host& host, std::string engine);

    // The file at PATH as it would be without us, which is what to build on; nothing if there would be none.
    Result<std::optional<HostFile>> base(const std::string& path, DocumentKind kind);
    // Wants TEXT in the file at PATH, which base() was asked for before; a new file is root's, with mode 0644.
    void want_file(const std::string& path, const std::string& text);
    void want_link(const std::string& path, const std::string& target);

    // Whether the symbolic link at PATH, with TARGET, was made by installs for this engine only.
    [[nodiscard]] bool made_by_us_alone(const std::string& path, const std::string& target) const;
    // Whether installs for other engines made LINK.
    [[nodiscard]] bool made_by_others(const Link& link) const;
    // The other engines that aa-shim is installed for.
    [[nodiscard]] std::vector<std::string> other_engines() const;

    [[nodiscard]] const Host& host() const { return *host_; }
    Plan& plan() { return plan_; }

    // Takes back whatever the record has and nobody asked for.
    Result<void> take_back_the_rest();
    // FOUND, each with its place, is of aa-shim in a file that is not ours to change.
    void found_elsewhere(std::vector<std::string> found);
    // An error if something of aa-shim would be left behind.
    [[nodiscard]] Result<void> require_nothing_left() const;

    // The finished plan. Refused: something that is not ours where a link shall be, directories that cannot be written.
    Result<Plan> finish();

private:
    Draft(const Host& host, std::string engine);
    Result<std::optional<HostFile>> without_us(const std::string& path, DocumentKind kind, const std::optional<HostFile>& before) const;
    Result<void> plan_links();
    void plan_directories();
    void plan_record();
    [[nodiscard]] Result<void> require_writable() const;
    FileChange* find(const std::string& path);

    const Host* host_;
    std::optional<Record> record_;
    std::vector<Record> others_;
    std::vector<Link> wanted_links_;
    std::vector<std::string> elsewhere_;
    Plan plan_;
};

}  // namespace aa::ctl::install
