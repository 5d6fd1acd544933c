/* Debug files that clients have uploaded, by tenant and GNU build id, in a folder of the data
 * directory: DIR/TENANT/BUILD_ID/metadata (JSON) and …/exe.
 *
 * An upload is announced, its bytes are written to a file of their own, and only a finished one
 * counts. An announced upload that does not finish within DEBUG_UPLOAD_STALE_S may be announced
 * anew. From any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/symbol/elf_file.h"

/* 5 minutes and 2 of grace, as the Pyroscope API has it. */
#define DEBUG_UPLOAD_STALE_S (7 * 60)

typedef struct DebugFiles DebugFiles;

typedef struct {
    const char *dir;           /* created when needed */
    int64_t file_bytes_max;    /* of one upload, as the caller sees to */
    int64_t tenant_bytes_max;  /* of all files and uploads of one tenant; 0 is no limit */
    unsigned tenant_files_max; /* announced ones too; 0 is CRESSET_DEBUG_FILES_MAX */
    int64_t (*now_ns)(void);   /* wall clock; NULL is the real one */
} DebugFilesConfig;

/* Reads what the folder has. */
DebugFiles *debug_files_new(const DebugFilesConfig *config);
void debug_files_free(DebugFiles *files);

typedef enum { DEBUG_FILE_UPLOADING = 0, DEBUG_FILE_UPLOADED = 1 } DebugFileState;

/* What a client says of a file, and what has become of it. */
typedef struct {
    char *gnu_build_id, *go_build_id, *otel_file_id, *name;
    int type; /* the API's number */
    DebugFileState state;
    int64_t started_ns, finished_ns; /* wall clock; 0: not yet */
    int64_t size_bytes;
} DebugFile;

void debug_file_free(DebugFile *file);

/* 2 to 40 hexadecimal digits are. */
bool debug_build_id_is_valid(const char *build_id);
/* That a file has this build id, in any case: INVALID_ARGUMENT when it has another, or none. */
bool debug_build_id_check(const ElfFile *elf, const char *build_id, GError **error);

/* Announces an upload. True: it may begin. False with *ret_reason (to be freed): it is not wanted;
 * false without: *error. */
bool debug_files_announce(DebugFiles *files, const char *tenant, const DebugFile *file,
                          char **ret_reason, GError **error);

/* An upload under way: the bytes that were reserved for it count until it ends. */
typedef struct DebugUpload DebugUpload;

/* Lets the bytes of an announced upload come; `size` is how many, or -1 when that is not known, and
 * then they count as file_bytes_max. The caller ends the upload, also one that was received. NULL
 * with FAILED_PRECONDITION when nothing was announced, ABORTED while another upload of the build id
 * is under way, RESOURCE_EXHAUSTED over the tenant's limit. Never waits for the disk. */
DebugUpload *debug_files_admit(DebugFiles *files, const char *tenant, const char *build_id,
                               int64_t size, GError **error);
/* Before the files are freed; its bytes must be gone or received. Never waits for the disk. */
void debug_upload_end(DebugUpload *upload);
/* Takes an upload: checks that the file at `path` is an ELF file with that build id, and moves it,
 * which must lie on the file system of `dir`, to its place. The errors of debug_files_admit but
 * ABORTED, and INVALID_ARGUMENT when the file is not what was announced. */
bool debug_files_receive(DebugFiles *files, const char *tenant, const char *build_id,
                         const char *path, GError **error);

/* Marks the upload as complete. NOT_FOUND when nothing was received. */
bool
debug_files_finish(DebugFiles *files, const char *tenant, const char *build_id, GError **error);

/* DebugFile of a tenant, sorted by build id; the array frees them. */
GPtrArray *debug_files_list(DebugFiles *files, const char *tenant);
/* NOT_FOUND when there is none. */
bool
debug_files_delete(DebugFiles *files, const char *tenant, const char *build_id, GError **error);

/* A descriptor of a complete file, or -1. */
int debug_files_open(DebugFiles *files, const char *tenant, const char *build_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebugFiles, debug_files_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebugFile, debug_file_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebugUpload, debug_upload_end)
