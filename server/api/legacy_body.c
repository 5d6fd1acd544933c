#include "server/api/legacy_body.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"
#include "server/api/legacy_pprof.h"
#include "server/api/multipart.h"
#include "server/http/header.h"
#include "server/ingest/format/folded.h"
#include "server/ingest/format/jfr.h"
#include "server/ingest/format/pprof_repair.h"
#include "server/ingest/format/speedscope.h"
#include "server/ingest/format/tree.h"

#define FIELD_TIME_NANOS 9
#define NS_PER_YEAR      (INT64_C(365) * 86400 * 1000000000)

/* A profile wherever it was found, with what came beside it. */
typedef struct {
    const uint8_t *data;
    size_t size;
    const char *config; /* sample_type_config or NULL */
    size_t config_size;
} Upload;

static const char *const FORMAT_NAMES[] = {
    [LEGACY_PPROF] = "pprof",           [LEGACY_MULTIPART] = "pprof", [LEGACY_GROUPS] = "groups",
    [LEGACY_LINES] = "lines",           [LEGACY_TREE] = "tree",       [LEGACY_TRIE] = "trie",
    [LEGACY_SPEEDSCOPE] = "speedscope", [LEGACY_JFR] = "jfr",
};

LegacyFormat
legacy_body_format(const HttpRequest *request)
{
    const char *format = http_request_param(request, "format");
    const char *type = http_request_header(request, "Content-Type");
    if (g_strcmp0(format, "trie") == 0 || header_is_media_type(type, "binary/octet-stream+trie"))
        return LEGACY_TRIE;
    if (g_strcmp0(format, "tree") == 0 || header_is_media_type(type, "binary/octet-stream+tree"))
        return LEGACY_TREE;
    for (LegacyFormat i = 0; format != NULL && i < G_N_ELEMENTS(FORMAT_NAMES); i++) {
        if (i != LEGACY_GROUPS && strcmp(format, FORMAT_NAMES[i]) == 0)
            return i;
    }
    return header_is_media_type(type, "multipart/form-data") ? LEGACY_MULTIPART : LEGACY_GROUPS;
}

const char *
legacy_format_name(LegacyFormat format)
{
    return FORMAT_NAMES[format];
}

/* The parts of a multipart body. */
static GArray *
read_parts(const HttpRequest *request, GError **error)
{
    g_autofree char *boundary =
        header_media_parameter(http_request_header(request, "Content-Type"), "boundary");
    if (boundary == NULL || boundary[0] == '\0') {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "multipart body: Content-Type has no boundary");
        return NULL;
    }
    return multipart_parse(request->body, request->body_size, boundary, error);
}

/* Uncompresses by magic number: a new buffer, or NULL with *error unset when `data` is plain. */
static GByteArray *
unpack(const uint8_t *data, size_t size, const TenantLimits *limits, GError **error)
{
    size_t cap = (size_t)limits->profile_bytes_max;
    g_autoptr(GError) why = NULL;
    GByteArray *plain = gzip_decompress(data, size, cap, &why);
    if (g_error_matches(why, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED) ||
        (plain == NULL && why == NULL && size > cap))
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "profile is larger than %zu bytes uncompressed (limit max_profile_size_bytes)",
                  cap);
    else if (why != NULL)
        g_propagate_error(error, g_steal_pointer(&why));
    return plain;
}

/* ---- pprof ---- */

/* The uncompressed profile, copied so that it can be amended. */
static bool
copy_profile(const Upload *upload, const ProfileSource *source, WireBuffer *ret_profile,
             GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GByteArray) plain = unpack(upload->data, upload->size, source->limits, &why);
    if (why != NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    wire_put_raw(ret_profile, plain != NULL ? plain->data : upload->data,
                 plain != NULL ? plain->len : upload->size);
    return true;
}

/* Decodes as much as the labels need. */
static bool
read_pprof(const Upload *upload, const char *spy, const ProfileSource *source, ProfileSet *set,
           GError **error)
{
    WireBuffer profile = {0};
    int64_t time_ns = 0;
    g_auto(GStrv) types = NULL;
    g_autofree char *name = NULL;
    bool ok = copy_profile(upload, source, &profile, error) &&
              pprof_repair(&profile, spy != NULL ? spy : "", source->limits, error) &&
              (types = legacy_pprof_sample_types(profile.data, profile.size, &time_ns, error)) &&
              (name = legacy_pprof_name((const char *const *)types, upload->config,
                                        upload->config_size, error));
    if (!ok) {
        g_free(profile.data);
        return false;
    }
    /* Of a field that occurs twice the last one counts. */
    if (time_ns < NS_PER_YEAR)
        wire_put_uint(&profile, FIELD_TIME_NANOS, (uint64_t)source->time_ns);
    SetProfile *added = profile_set_add(set, g_byte_array_new_take(profile.data, profile.size));
    profile_set_label(set, added, "__name__", name);
    return true;
}

static bool
read_pprof_form(const HttpRequest *request, const ProfileSource *source, ProfileSet *set,
                GError **error)
{
    g_autoptr(GArray) parts = read_parts(request, error);
    if (parts == NULL)
        return false;
    if (multipart_find_file(parts, "prev_profile") != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "unsupported client version: prev_profile is not accepted");
    const MultipartPart *profile = multipart_find_file(parts, "profile");
    const MultipartPart *config = multipart_find_file(parts, "sample_type_config");
    if (profile == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "multipart body: there is no file part called profile");
    Upload upload = {.data = profile->data, .size = profile->size};
    if (config != NULL) {
        upload.config = (const char *)config->data;
        upload.config_size = config->size;
    }
    return read_pprof(&upload, http_request_param(request, "spyName"), source, set, error);
}

/* ---- JFR ---- */

/* Uncompresses a part, which stays where it is when it is plain; *ret_plain is then NULL. */
static bool
unpack_input(JfrInput *input, const TenantLimits *limits, GByteArray **ret_plain, GError **error)
{
    g_autoptr(GError) why = NULL;
    *ret_plain = unpack(input->data, input->size, limits, &why);
    if (why != NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    if (*ret_plain != NULL)
        *input = (JfrInput){(*ret_plain)->data, (*ret_plain)->len};
    return true;
}

static bool
read_jfr(JfrInput recording, JfrInput labels, const ProfileSource *source, ProfileSet *set,
         GError **error)
{
    g_autoptr(GByteArray) plain = NULL, plain_labels = NULL;
    return unpack_input(&recording, source->limits, &plain, error) &&
           unpack_input(&labels, source->limits, &plain_labels, error) &&
           jfr_read(recording, labels, source, set, error);
}

static bool
read_jfr_body(const HttpRequest *request, const ProfileSource *source, ProfileSet *set,
              GError **error)
{
    JfrInput recording = {request->body, request->body_size}, contexts = {0};
    const char *type = http_request_header(request, "Content-Type");
    g_autofree char *boundary = header_media_parameter(type, "boundary");
    if (boundary == NULL && !header_is_media_type(type, "multipart/form-data"))
        return read_jfr(recording, contexts, source, set, error);
    g_autoptr(GArray) parts = read_parts(request, error);
    if (parts == NULL)
        return false;
    const MultipartPart *jfr = multipart_find_file(parts, "jfr");
    const MultipartPart *labels = multipart_find_file(parts, "labels");
    if (jfr == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "multipart body: there is no file part called jfr");
    recording = (JfrInput){jfr->data, jfr->size};
    if (labels != NULL)
        contexts = (JfrInput){labels->data, labels->size};
    return read_jfr(recording, contexts, source, set, error);
}

bool
legacy_body_read(const HttpRequest *request, LegacyFormat format, const ProfileSource *source,
                 ProfileSet *set, GError **error)
{
    const uint8_t *body = request->body;
    size_t size = request->body_size;
    const Upload upload = {.data = body, .size = size};
    switch (format) {
    case LEGACY_PPROF:
        return read_pprof(&upload, http_request_param(request, "spyName"), source, set, error);
    case LEGACY_MULTIPART:
        return read_pprof_form(request, source, set, error);
    case LEGACY_GROUPS:
        return folded_read(body, size, true, source, set, error);
    case LEGACY_LINES:
        return folded_read(body, size, false, source, set, error);
    case LEGACY_TREE:
        return tree_read(body, size, source, set, error);
    case LEGACY_TRIE:
        return trie_read(body, size, source, set, error);
    case LEGACY_SPEEDSCOPE:
        return speedscope_read(body, size, source, set, error);
    case LEGACY_JFR:
        return read_jfr_body(request, source, set, error);
    }
    return error_set(error, CRESSET_ERROR_INTERNAL, "no such format");
}
