// SPDX-License-Identifier: Apache-2.0
#include "shim/ctl/node/host.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/text.h"

namespace aa::shim::ctl::node {

namespace fs = std::filesystem;

namespace {

struct Place {
    std::string directory;
    std::string name;
};

Place split(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

// Takes away what an agent that was killed has left beside PLACE; there is one agent at a time.
void remove_leftovers(const Place& place) {
    const std::string prefix = concat({".", place.name, ".aa-shim."});
    std::error_code ignored;
    std::vector<fs::path> found;
    for (fs::directory_iterator at(place.directory, ignored), end; !ignored && at != end; at.increment(ignored)) {
        if (at->path().filename().native().starts_with(prefix)) found.push_back(at->path());
    }
    for (const auto& path : found) fs::remove(path, ignored);
}

}  // namespace

bool Host::exists(std::string_view path) const {
    struct stat st {};
    return ::lstat(this->path(path).c_str(), &st) == 0;
}

Result<void> Host::make_directory(std::string_view path) const {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string directory = this->path(path.substr(0, slash));
        if (::mkdir(directory.c_str(), 0755) == 0) {
            if (::chmod(directory.c_str(), 0755) != 0) return errno_error("change the mode of", directory, errno);
        } else if (errno != EEXIST) {
            return errno_error("make the directory", directory, errno);
        }
        if (slash == std::string_view::npos) return {};
    }
}

Result<void> Host::write(std::string_view path, std::string_view text, mode_t mode) const {
    const auto place = split(this->path(path));
    remove_leftovers(place);
    const Fd directory = TRY(open_file(AT_FDCWD, place.directory, O_RDONLY | O_DIRECTORY));
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return replace_file(directory.get(), place.name, {&piece, 1}, 0, 0, mode).context(this->path(path));
}

Result<bool> Host::link(std::string_view path, const std::string& target) const {
    const std::string link = this->path(path);
    std::string now(target.size() + 1, '\0');
    const auto size = ::readlink(link.c_str(), now.data(), now.size());
    if (size == static_cast<ssize_t>(target.size()) && now.compare(0, target.size(), target) == 0) return false;
    const auto place = split(link);
    remove_leftovers(place);
    const std::string temporary = concat({place.directory, ".", place.name, ".aa-shim.", decimal(::getpid())});
    (void)::unlink(temporary.c_str());
    if (::symlink(target.c_str(), temporary.c_str()) != 0) return errno_error("make the link", temporary, errno);
    if (::rename(temporary.c_str(), link.c_str()) != 0) {
        const int problem = errno;
        (void)::unlink(temporary.c_str());
        return errno_error("replace", link, problem);
    }
    return true;
}

Result<void> Host::remove(std::string_view path) const {
    const std::string file = this->path(path);
    if (::unlink(file.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) return errno_error("remove", file, errno);
    return {};
}

Result<std::string> Host::read(std::string_view path, std::size_t limit) const {
    const std::string file = this->path(path);
    const Fd fd = TRY(open_file(AT_FDCWD, file, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    const auto buffer = TRY(read_file(fd.get(), limit, file));
    return std::string(buffer.text());
}

Result<Outcome> Host::run(std::vector<std::string> words, int seconds) const { return node::run({std::move(words), root_, {}, seconds}); }

Result<Json> run_ctl(Command command) {
    command.words.insert(command.words.begin() + 1, "--json");
    const auto outcome = TRY(run(command));
    auto document = Json::parse(outcome.output, nullptr, false);
    if (document.is_object()) return document;
    return Error{ErrorKind::system, concat({quote(command.words.front()), " ", command.words[2], ": ", last_words(outcome)})};
}

std::string error_message(const Json& document) {
    const auto error = document.find("error");
    if (error == document.end() || !error->is_object()) return {};
    return error->value("message", std::string());
}

}  // namespace aa::shim::ctl::node
