/* The metadata file of a debug file: JSON, replaced whole. */
#pragma once
#include <stdbool.h>

#include "server/debuginfo/debug_files.h"

/* NULL when there is none, or none that can be read. */
DebugFile *debug_metadata_read(const char *path);
/* Durable when it returns true. */
bool debug_metadata_write(const char *path, const DebugFile *file, GError **error);
