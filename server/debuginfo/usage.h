/* What each tenant has of debug files, in memory: nothing here waits for a disk, so that the loop
 * of the HTTP server may ask. From any thread. Build ids are compared in lower case. */
#pragma once
#include "server/debuginfo/debug_files.h"

typedef struct DebugUsage DebugUsage;

/* `tenant_bytes_max` is of all files of one tenant; 0 is no limit. */
DebugUsage *debug_usage_new(int64_t tenant_bytes_max);
void debug_usage_free(DebugUsage *usage);

/* Counts a file as it is on the disk, instead of what was counted by its build id before. */
void debug_usage_set(DebugUsage *usage, const char *tenant, const DebugFile *file);
void debug_usage_remove(DebugUsage *usage, const char *tenant, const char *build_id);

/* Whether a tenant may have one more file: RESOURCE_EXHAUSTED when it has `files_max`, announced
 * ones too, or all bytes that it may have. */
bool
debug_usage_has_room(DebugUsage *usage, const char *tenant, unsigned files_max, GError **error);

/* Reserves bytes for an upload: debug_files_admit. */
DebugUpload *debug_usage_begin(DebugUsage *usage, const char *tenant, const char *build_id,
                               int64_t bytes, GError **error);
/* Whether a file of so many bytes may take the place of the announced one: FAILED_PRECONDITION when
 * that is none, RESOURCE_EXHAUSTED over the limit. */
bool debug_usage_may_place(DebugUsage *usage, const char *tenant, const char *build_id,
                           int64_t size, GError **error);
/* Counts a file that was uploaded instead of what was reserved for it. */
void debug_usage_place(DebugUsage *usage, const char *tenant, const DebugFile *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebugUsage, debug_usage_free)
