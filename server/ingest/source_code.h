/* Where the source code of a pushed profile is, by the labels that clients set for it. */
#pragma once
#include "server/ingest/prepare.h"

/* Puts the labels service_repository, service_git_ref and service_root_path into the build id of
 * the main mapping (lib/pprof/build_id.h), which is made where there is none; nothing without such
 * labels. False with INVALID_ARGUMENT when the arena is full. */
bool source_code_put(const GArray *labels, Profile *profile, Arena *arena, GError **error);
