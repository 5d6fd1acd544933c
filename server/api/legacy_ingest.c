#include "server/api/legacy_ingest.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"
#include "server/api/app_name.h"
#include "server/api/legacy_pprof.h"
#include "server/api/multipart.h"
#include "server/api/time_range.h"
#include "server/http/header.h"

#define FIELD_TIME_NANOS 9
#define NS_PER_YEAR      (INT64_C(365) * 86400 * 1000000000)

/* The profile of a request, wherever it was found. */
typedef struct {
    const uint8_t *profile;
    size_t size;
    const char *config; /* sample_type_config or NULL */
    size_t config_size;
    GArray *parts; /* of a multipart body, or NULL */
} Upload;

static const char *
param_or(const HttpRequest *request, const char *name, const char *otherwise)
{
    const char *value = http_request_param(request, name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

/* The format of the body by Pyroscope's order of precedence: "pprof", "multipart" or another. */
static const char *
body_format(const HttpRequest *request)
{
    static const char *const known[] = {"trie", "tree", "lines", "jfr", "pprof", "speedscope"};
    const char *format = param_or(request, "format", "");
    const char *type = http_request_header(request, "Content-Type");
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(format, known[i]) == 0)
            return known[i];
    }
    if (header_is_media_type(type, "binary/octet-stream+trie"))
        return "trie";
    if (header_is_media_type(type, "binary/octet-stream+tree"))
        return "tree";
    return header_is_media_type(type, "multipart/form-data") ? "multipart" : "groups";
}

static bool
read_multipart(const HttpRequest *request, Upload *upload, GError **error)
{
    g_autofree char *boundary =
        header_media_parameter(http_request_header(request, "Content-Type"), "boundary");
    if (boundary == NULL || boundary[0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "multipart body: Content-Type has no boundary");
    upload->parts = multipart_parse(request->body, request->body_size, boundary, error);
    if (upload->parts == NULL)
        return false;
    if (multipart_find_file(upload->parts, "prev_profile") != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "unsupported client version: prev_profile is not accepted");
    const MultipartPart *profile = multipart_find_file(upload->parts, "profile");
    const MultipartPart *config = multipart_find_file(upload->parts, "sample_type_config");
    if (profile == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "multipart body: there is no file part called profile");
    upload->profile = profile->data;
    upload->size = profile->size;
    if (config != NULL) {
        upload->config = (const char *)config->data;
        upload->config_size = config->size;
    }
    return true;
}

static bool
read_upload(const HttpRequest *request, Upload *upload, GError **error)
{
    const char *format = body_format(request);
    if (strcmp(format, "multipart") == 0)
        return read_multipart(request, upload, error);
    if (strcmp(format, "pprof") != 0)
        return error_set(error, CRESSET_ERROR_UNIMPLEMENTED,
                         "format %s is not supported: send pprof", format);
    upload->profile = request->body;
    upload->size = request->body_size;
    return true;
}

/* The uncompressed profile, copied so that it can be amended. */
static bool
read_profile(const Api *api, const char *tenant, const Upload *upload, WireBuffer *ret_profile,
             GError **error)
{
    TenantLimits limits;
    tenant_overrides_get(api->overrides, tenant, &limits);
    size_t cap = (size_t)limits.profile_bytes_max;
    g_autoptr(GError) why = NULL;
    g_autoptr(GByteArray) plain = gzip_decompress(upload->profile, upload->size, cap, &why);
    size_t size = plain != NULL ? plain->len : upload->size;
    if (g_error_matches(why, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED) ||
        (why == NULL && size > cap))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "profile is larger than %zu bytes uncompressed (limit "
                         "max_profile_size_bytes)",
                         cap);
    if (why != NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    wire_put_raw(ret_profile, plain != NULL ? plain->data : upload->profile, size);
    return true;
}

/* Adds the labels that Pyroscope derives from the request. */
static void
add_labels(const HttpRequest *request, const char *profile_name, AppName *name)
{
    for (guint i = name->labels->len; i-- > 0;) {
        const char *key = g_array_index(name->labels, Label, i).name;
        if (g_str_has_prefix(key, "__") && strcmp(key, "__session_id__") != 0)
            g_array_remove_index(name->labels, i);
    }
    if (app_name_get(name, "service_name") == NULL)
        app_name_set(name, "service_name", name->app);
    app_name_set(name, "__name__", profile_name);
    app_name_set(name, "__delta__", "false");
    app_name_set(name, "pyroscope_spy", param_or(request, "spyName", "unknown"));
}

static void
fail(HttpRequest *request, unsigned status, const char *code, const char *prefix,
     const GError *error)
{
    g_autofree char *message = g_strconcat(prefix, error->message, NULL);
    http_reply(request, http_response_error(status, code, message));
}

static void
push_done(void *data, const GError *error)
{
    HttpRequest *request = data;
    if (error == NULL)
        http_reply(request, http_response_new(200, NULL, NULL));
    else if (http_error_status(error) >= 429)
        http_reply(request, http_response_from_error(error));
    else
        fail(request, 422, "unknown", "pushing IngestInput-pprof failed: ", error);
}

/* Decodes as much as the labels need and pushes; false with *error before anything was pushed. */
static bool
push_upload(HttpRequest *request, const Api *api, const Upload *upload, AppName *name,
            GError **error)
{
    WireBuffer profile = {0};
    int64_t time_ns = 0;
    g_auto(GStrv) types = NULL;
    g_autofree char *profile_name = NULL;
    bool ok = read_profile(api, request->tenant, upload, &profile, error) &&
              (types = legacy_pprof_sample_types(profile.data, profile.size, &time_ns, error)) &&
              (profile_name = legacy_pprof_name((const char *const *)types, upload->config,
                                                upload->config_size, error));
    if (ok) {
        add_labels(request, profile_name, name);
        /* Of a field that occurs twice the last one counts. */
        if (time_ns < NS_PER_YEAR)
            wire_put_uint(
                &profile, FIELD_TIME_NANOS,
                (uint64_t)time_text_parse(http_request_param(request, "from"), api_now_ns()));
        const IngestProfile item = {.labels = (const Label *)(void *)name->labels->data,
                                    .n_labels = name->labels->len,
                                    .profile = profile.data,
                                    .profile_size = profile.size};
        ingest_push(api->ingest, request->tenant, &item, 1, push_done, request);
    }
    g_free(profile.data);
    return ok;
}

void
legacy_ingest_handle(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    g_auto(AppName) name = {0};
    Upload upload = {0};
    if (!app_name_parse(http_request_param(request, "name"), &name, &error))
        fail(request, 400, "invalid_argument", "", error);
    else if (!read_upload(request, &upload, &error) ||
             !push_upload(request, api, &upload, &name, &error))
        fail(request, 422, "unknown", "parsing IngestInput-pprof failed: ", error);
    if (upload.parts != NULL)
        g_array_unref(upload.parts);
}
