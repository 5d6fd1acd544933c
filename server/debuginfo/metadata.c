#include "server/debuginfo/metadata.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/base/error.h"

enum { METADATA_BYTES_MAX = 64 * 1024 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

void
debug_file_free(DebugFile *file)
{
    if (file == NULL)
        return;
    g_free(file->gnu_build_id);
    g_free(file->go_build_id);
    g_free(file->otel_file_id);
    g_free(file->name);
    g_free(file);
}

static char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return g_strdup(text != NULL ? text : "");
}

static int64_t
number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* The text of the file; NULL when it cannot be read or is too large. */
static char *
read_text(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    g_autofree char *text = g_malloc(METADATA_BYTES_MAX + 1);
    *ret_size = fread(text, 1, METADATA_BYTES_MAX + 1, file);
    bool is_whole = ferror(file) == 0 && *ret_size <= METADATA_BYTES_MAX;
    (void)fclose(file);
    return is_whole ? g_steal_pointer(&text) : NULL;
}

DebugFile *
debug_metadata_read(const char *path)
{
    size_t size;
    g_autofree char *text = read_text(path, &size);
    if (text == NULL)
        return NULL;
    g_autoptr(json_t) object = json_loadb(text, size, 0, NULL);
    if (!json_is_object(object))
        return NULL;
    DebugFile *file = g_new0(DebugFile, 1);
    file->gnu_build_id = text_of(object, "gnuBuildId");
    file->go_build_id = text_of(object, "goBuildId");
    file->otel_file_id = text_of(object, "otelFileId");
    file->name = text_of(object, "name");
    file->type = (int)number_of(object, "type");
    file->state = number_of(object, "state") == DEBUG_FILE_UPLOADED ? DEBUG_FILE_UPLOADED
                                                                    : DEBUG_FILE_UPLOADING;
    file->started_ns = number_of(object, "startedNs");
    file->finished_ns = number_of(object, "finishedNs");
    file->size_bytes = number_of(object, "sizeBytes");
    return file;
}

bool
debug_metadata_write(const char *path, const DebugFile *file, GError **error)
{
    g_autoptr(json_t) object = json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I}", "gnuBuildId", file->gnu_build_id,
        "goBuildId", file->go_build_id, "otelFileId", file->otel_file_id, "name", file->name,
        "type", file->type, "state", (int)file->state, "startedNs", (json_int_t)file->started_ns,
        "finishedNs", (json_int_t)file->finished_ns, "sizeBytes", (json_int_t)file->size_bytes);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "what is said of the file is not UTF-8");
    bool ok = g_file_set_contents_full(
        path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0640, error);
    free(text); /* jansson's */
    return ok;
}
