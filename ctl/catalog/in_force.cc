// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/in_force.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "apparmor/catalog/compiled_format.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {

namespace {

constexpr std::size_t kMaxCatalogBytes = std::size_t{1} << 30;

}  // namespace

Result<CatalogInForce> read_catalog_in_force() {
    const std::string path(apparmor::kCatalogPath);
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    TRY(require_trusted(fd.get(), path));
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return errno_error("stat", path, errno);
    const auto bytes = TRY(read_file(fd.get(), kMaxCatalogBytes, path));
    const auto catalog = TRY(apparmor::CompiledCatalog::view(bytes.text(), path));
    return CatalogInForce{hex64(apparmor::format::checksum(bytes.text(), 0)), st.st_mtim.tv_sec, TRY(catalog.size())};
}

}  // namespace aa::ctl
