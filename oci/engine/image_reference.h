// SPDX-License-Identifier: Apache-2.0
//
// The name of an image, as people type it and in full. The same image has both, so that a policy need not guess.
#pragma once

#include <string>
#include <string_view>

namespace aa::oci {

// REFERENCE in its full form "DOMAIN/PATH:TAG": "docker.io/library/nginx:latest" for "nginx". A digest stays, and takes the
// place of the tag "latest". The rules are Docker's (distribution/reference normalize.go): a first component with a dot,
// a colon or a capital letter, or "localhost", is a domain. An image ID ("sha256:" and 64 hexadecimal digits, or those
// alone) and the empty string are no references and stay as they are. Nothing is checked: what no engine would accept
// gives something that no engine would accept.
std::string full_image_reference(std::string_view reference);

}  // namespace aa::oci
