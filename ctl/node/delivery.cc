// SPDX-License-Identifier: Apache-2.0
#include "ctl/node/delivery.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <utility>

#include "apparmor/catalog/compiled_format.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/node/ctl.h"
#include "ctl/node/marks.h"
#include "ctl/node/programs.h"

namespace aa::ctl::node {

namespace {

constexpr std::size_t kMaxDelivery = 4UL << 20U;  // a ConfigMap has at most 1 MiB; a projected volume may have several

// The two directories of a delivery, below kPlace once installed, below kStage before.
constexpr std::string_view kPlace = "/etc/aa-shim/";
constexpr std::string_view kStage = "/etc/aa-shim/.delivered/";
constexpr const char* kStageRoot = "/etc/aa-shim/.delivered";
constexpr std::string_view kCatalog = "catalog.d";
constexpr std::string_view kProfiles = "apparmor.d";
constexpr std::array<std::string_view, 2> kDirectories = {kProfiles, kCatalog};  // a catalog names profiles: they come first

// In a directory that was delivered; holds the delivery's hash. Nobody reads files with such a name as catalog or profile.
constexpr std::string_view kMark = "/.delivered";
constexpr std::string_view kKept = ".before-node";  // the name's end of a directory that stood there before

std::string_view directory_of(std::string_view name) { return name.ends_with(".json") ? kCatalog : kProfiles; }

// ConfigMap keys are these; a name that could leave its directory or hide is none.
bool is_file_name(std::string_view name) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !name.empty() && name.front() != '.' && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Error no_delivery(const std::string& directory, std::string_view problem) {
    return {ErrorKind::config, concat({"the delivered catalog in ", quote(directory), " ", problem})};
}

std::string hash_of(const std::map<std::string, std::string>& files) {
    std::string all;
    for (const auto& [name, content] : files) {
        all += concat({name, "\n", decimal(static_cast<long long>(content.size())), "\n", content});
    }
    return hex64(apparmor::format::checksum(all, 0));
}

// Adds the files of the directory FD to FILES; messages call it DIRECTORY.
Result<void> read_files(const Fd& fd, const std::string& directory, std::map<std::string, std::string>& files) {
    std::size_t total = 0;
    Fd listed = TRY(open_file(fd.get(), ".", O_RDONLY | O_DIRECTORY));
    for (const auto& name : TRY(directory_names(std::move(listed), directory))) {
        if (name.starts_with('.')) continue;
        if (!is_file_name(name)) return no_delivery(directory, concat({"holds ", quote(name), ", which is no name of a file"}));
        const Fd file = TRY(open_file(fd.get(), name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
        const auto content = TRY(read_file(file.get(), kMaxDelivery, concat({directory, "/", name})));
        total += content.text().size();
        if (total > kMaxDelivery) return no_delivery(directory, "is longer than 4 MiB");
        files.emplace(name, content.text());
    }
    return {};
}

Result<void> stage(const Host& host, const Delivery& delivery) {
    TRY(host.remove_tree(kStageRoot));
    for (const auto directory : kDirectories) {
        const std::string to = concat({kStage, directory});
        TRY(host.make_directories(to));
        for (const auto& [name, content] : delivery.files) {
            if (directory_of(name) == directory) TRY(host.write(concat({to, "/", name}), {content}));
        }
        TRY(host.write(to + std::string(kMark), {delivery.hash + "\n"}));
    }
    return {};
}

// A complaint about a staged file names the file as the ConfigMap does.
std::string complaint(const Json& error) {
    std::string file = error.value("file", std::string());
    if (const std::size_t slash = file.rfind('/'); slash != std::string::npos) file.erase(0, slash + 1);
    return concat(
        {file, ":", decimal(error.value("line", 0)), ":", decimal(error.value("column", 0)), ": ", error.value("problem", std::string())});
}

Result<Json> run_check(const Host& host, Judge judge) {
    const std::string profiles = concat({kStage, kProfiles});
    const std::string catalog = concat({kStage, kCatalog});
    if (judge == Judge::node) return run_ctl({{kCtl, "check", "--profiles", profiles, catalog}, host.root(), {}, 300});
    return run_ctl({{"/proc/self/exe", "check", "--no-profiles", host.place(catalog)}, {}, {}, 300});
}

bool is_delivered(const Host& host, std::string_view directory) { return host.exists(concat({kPlace, directory, kMark})); }

// Moves the staged DIRECTORY to its place, in exchange for the delivery that stands there. A directory that was not delivered
// is first moved aside; a crash in between leaves none for a moment, and loses nothing.
Result<void> put_in_place(const Host& host, std::string_view directory) {
    const std::string from = concat({kStage, directory});
    const std::string to = concat({kPlace, directory});
    const bool delivered = is_delivered(host, directory);
    // What the operator had there goes aside.
    if (host.exists(to) && !delivered) TRY(host.move(to, to + std::string(kKept)));
    return host.move(from, to, delivered ? Host::Move::exchange : Host::Move::to_nothing);
}

}  // namespace

Result<Delivery> read_delivery(const std::string& directory) {
    struct stat st {};
    const std::string data = directory + "/..data";
    const std::string place = ::lstat(data.c_str(), &st) == 0 ? data : directory;
    Delivery delivery;
    TRY(read_files(TRY(open_file(AT_FDCWD, place, O_RDONLY | O_DIRECTORY)), place, delivery.files));
    delivery.files.erase(std::string(kMarks));
    for (const auto& [name, content] : delivery.files) {
        if (directory_of(name) != kCatalog) continue;
        delivery.hash = hash_of(delivery.files);
        return delivery;
    }
    return no_delivery(directory, "has no file called *.json");
}

Result<Delivery> read_installed(const Host& host) {
    Delivery delivery;
    std::array<std::string, kDirectories.size()> marks;
    for (std::size_t i = 0; i < kDirectories.size(); ++i) {
        const std::string place = concat({kPlace, kDirectories[i]});
        if (!is_delivered(host, kDirectories[i])) return Error{ErrorKind::not_found, "no catalog was delivered to this node yet"};
        const auto mark = TRY(host.read(place + std::string(kMark)));
        marks[i] = mark ? mark->text : std::string();
        TRY(read_files(TRY(host.open_below(place, O_RDONLY | O_DIRECTORY)), place, delivery.files));
    }
    delivery.hash = hash_of(delivery.files);
    for (const auto& mark : marks) {
        if (mark != delivery.hash + "\n") {
            return Error{ErrorKind::config, concat({quote(concat({kPlace, kCatalog})), " or ", quote(concat({kPlace, kProfiles})),
                                                    " is not as it was delivered: change the ConfigMap, not the node"})};
        }
    }
    return delivery;
}

Result<void> check_delivery(const Host& host, const Delivery& delivery, Judge judge) {
    TRY(stage(host, delivery));
    const auto document = TRY(run_check(host, judge));
    if (document.value("ok", false)) return {};
    if (const std::string message = error_message(document); !message.empty()) {
        const bool wrong = document["error"].value("kind", std::string()) == "config";
        return Error{wrong ? ErrorKind::config : ErrorKind::system, message};
    }
    const auto errors = document.value("errors", Json::array());
    if (errors.empty()) return Error{ErrorKind::system, "aa-shimctl check found the catalog wrong and did not say why"};
    const std::string more = errors.size() > 1 ? concat({" (and ", decimal(static_cast<long long>(errors.size() - 1)), " more)"}) : "";
    return Error{ErrorKind::config, complaint(errors.front()) + more};
}

Result<void> install_delivery(const Host& host) {
    for (const auto directory : kDirectories) TRY(put_in_place(host, directory));
    return host.remove_tree(kStageRoot);
}

Result<void> remove_delivery(const Host& host) {
    TRY(host.remove_tree(kStageRoot));
    for (const auto directory : kDirectories) {
        if (!is_delivered(host, directory)) continue;
        const std::string place = concat({kPlace, directory});
        const std::string kept = place + std::string(kKept);
        TRY(host.remove_tree(place));
        if (host.exists(kept)) TRY(host.move(kept, place));
    }
    return {};
}

}  // namespace aa::ctl::node
