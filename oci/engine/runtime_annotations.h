// SPDX-License-Identifier: Apache-2.0
//
// Annotations that a runtime interprets, and which of what steers a runtime comes from the engines themselves. They are a second language in which a container is configured, beside the fields of
// config.json: a few make the runtime open, create or load files of the host as root. Everything else under `annotations` is data.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace aa::oci {

// What KEY is to the runtimes.
enum class AnnotationKind { data, steering };

// By what runc and crun document (runc features.go and docs/systemd.md; crun crun.1.md, src/libcrun/container.c and handlers/), whichever of
// them is in use: an annotation outlives the choice of the runtime. MORE is what the runtime itself lists as
// potentiallyUnsafeConfigAnnotations (runtime-spec features.md): a key, or with a '.' at its end the beginning of keys.
AnnotationKind annotation_kind(std::string_view key, std::span<const std::string> more);

// Whether the engine that is called ENGINE (engine_name()) itself gives the annotation KEY this VALUE: then whoever starts the container
// could not steer more by it than the engine lets everybody do.
bool is_engines_own(std::string_view engine, std::string_view key, std::string_view value);

// Whether the engine that is called ENGINE itself has a seccomp agent for the container ID at PATH (CRI-O internal/config/seccomp:
// notifierPath, which it uses where its configuration lets pods have a notifier).
bool is_engines_own_listener(std::string_view engine, std::string_view path, std::string_view id);

}  // namespace aa::oci
