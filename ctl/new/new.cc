// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl new: a profile, an entry of the catalog and a policy test for a confinement that there is not yet. Nothing is put in force.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/file.h"
#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/new/draft.h"

namespace aa::ctl {

namespace {

struct Options {
    std::string name, from;
    std::string directory = "/etc/aa-shim";
    std::string templates{kTemplateDirectory};
    bool dry_run = false;
};

Result<void> require_none(const std::vector<DraftFile>& files) {
    for (const auto& file : files) {
        struct stat st {};
        if (::lstat(file.path.c_str(), &st) == 0)
            return Error{ErrorKind::config, concat({quote(file.path), " is there already: take another name, or remove it"})};
        if (errno != ENOENT) return errno_error("look for", file.path, errno);
    }
    return {};
}

// Whoever makes a file of that name meanwhile keeps it.
Result<void> write(const DraftFile& file) {
    const std::filesystem::path path = file.path;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return errno_error("make the directory", path.parent_path().string(), error.value());
    const Fd fd = TRY(open_file(AT_FDCWD, file.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644).context("write"));
    if (auto written = write_all(fd.get(), file.text).context(quote(file.path)); !written) {
        (void)::unlink(file.path.c_str());
        return written;
    }
    return {};
}

// All of FILES, or none.
Result<void> write_files(const std::vector<DraftFile>& files) {
    TRY(require_none(files));
    for (std::size_t i = 0; i < files.size(); ++i) {
        auto written = write(files[i]);
        if (written) continue;
        for (std::size_t made = 0; made < i; ++made) (void)::unlink(files[made].path.c_str());
        return written;
    }
    return {};
}

std::string next_steps(const Options& options, const std::vector<DraftFile>& files) {
    const bool installed = options.directory == Options().directory;
    const auto& directory = options.directory;
    return concat({"Read them, change what your image needs otherwise, and then:\n  aa-shimctl check --strict",
                   installed ? std::string() : concat({" --profiles ", directory, "/apparmor.d ", directory, "/catalog.d"}),
                   "\n  aa-shimctl test ",
                   installed ? std::string() : concat({"--catalog ", directory, "/catalog.d --profiles ", directory, "/apparmor.d "}),
                   files[1].path});
}

int run(const Context& context, const Options& options) {
    const auto files = draft(options.name, options.from, options.directory, options.templates);
    if (!files) return fail(context, files.error());
    if (const auto done = options.dry_run ? require_none(*files) : write_files(*files); !done) return fail(context, done.error());
    if (context.json) {
        Json list = Json::array();
        for (const auto& file : *files) list.push_back({{"path", file.path}, {"text", file.text}});
        print({{"ok", true}, {"written", !options.dry_run}, {"files", std::move(list)}});
        return kOk;
    }
    for (const auto& file : *files) say(options.dry_run ? concat({"==> ", file.path, " <==\n", file.text}) : file.path);
    if (!options.dry_run) say(next_steps(options, *files));
    return kOk;
}

}  // namespace

void add_new(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("new", "Write a profile, a catalog entry and a policy test to begin a confinement with");
    const auto options = std::make_shared<Options>();
    command.option("NAME", options->name, "Its name, also the profile's").required();
    command.option("--from", options->from, "What it begins as")
        .required()
        .one_of(std::vector<std::string>(kTemplates.begin(), kTemplates.end()));
    command.option("--directory", options->directory, "Where catalog.d, apparmor.d and tests are (default: /etc/aa-shim)").type_name("DIR");
    command.option("--templates", options->templates, concat({"Where the templates are (default: ", kTemplateDirectory, ")"}))
        .type_name("DIR");
    command.flag("--dry-run", options->dry_run, "Write nothing: print what would be written");
    command.callback([&context, options] { context.run(Task::new_confinement, [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
