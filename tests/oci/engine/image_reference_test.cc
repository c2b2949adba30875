// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/image_reference.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace aa::oci {
namespace {

const std::string kHex(64, 'a');

TEST(ImageReference, HasAFullForm) {
    struct Case {
        std::string typed;
        std::string full;
    };
    const std::array<Case, 31> cases{{
        {"nginx", "docker.io/library/nginx:latest"},
        {"nginx:1.27", "docker.io/library/nginx:1.27"},
        {"nginx@sha256:" + kHex, "docker.io/library/nginx@sha256:" + kHex},
        {"nginx:1.27@sha256:" + kHex, "docker.io/library/nginx:1.27@sha256:" + kHex},
        {"library/nginx", "docker.io/library/nginx:latest"},
        {"someone/nginx", "docker.io/someone/nginx:latest"},
        {"a/b/c:t", "docker.io/a/b/c:t"},
        {"docker.io/nginx", "docker.io/library/nginx:latest"},
        {"docker.io/library/nginx", "docker.io/library/nginx:latest"},
        {"docker.io/library/nginx:latest", "docker.io/library/nginx:latest"},
        {"docker.io/someone/nginx", "docker.io/someone/nginx:latest"},
        {"index.docker.io/nginx", "docker.io/library/nginx:latest"},
        {"index.docker.io/someone/nginx:t", "docker.io/someone/nginx:t"},
        {"localhost/nginx", "localhost/nginx:latest"},
        {"localhost:5000/nginx", "localhost:5000/nginx:latest"},
        {"localhost:5000/web/nginx:t", "localhost:5000/web/nginx:t"},
        {"localhost", "docker.io/library/localhost:latest"},     // no slash: a name
        {"localhost:5000", "docker.io/library/localhost:5000"},  // and a tag
        {"registry.example/nginx", "registry.example/nginx:latest"},
        {"registry.example:443/a/b@sha256:" + kHex, "registry.example:443/a/b@sha256:" + kHex},
        {"registry.example", "docker.io/library/registry.example:latest"},
        {"Registry/nginx", "Registry/nginx:latest"},  // a capital letter: no path has one
        {"[2001:db8::1]:5000/nginx", "[2001:db8::1]:5000/nginx:latest"},
        {"quay.io/team/app:1", "quay.io/team/app:1"},
        {"notdocker.io/nginx", "notdocker.io/nginx:latest"},
        {"docker.io.evil.example/nginx", "docker.io.evil.example/nginx:latest"},
        {"3f57d9401f8d", "docker.io/library/3f57d9401f8d:latest"},  // could be a short ID; a name as well
        {"sha256:" + kHex, "sha256:" + kHex},
        {kHex, kHex},
        {kHex + "a", "docker.io/library/" + kHex + "a:latest"},
        {"", ""},
    }};
    for (const auto& c : cases) EXPECT_EQ(full_image_reference(c.typed), c.full) << c.typed;
}

TEST(ImageReference, InFullStaysAsItIs) {
    for (const char* typed : {"nginx", "nginx:1", "someone/nginx@sha256:00", "localhost:5000/x", "index.docker.io/x", "Registry/x"}) {
        const std::string full = full_image_reference(typed);
        EXPECT_EQ(full_image_reference(full), full) << typed;
    }
}

}  // namespace
}  // namespace aa::oci
