#include "server/api/otlp.h"

#include <otlp.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/api/codec.h"
#include "server/http/header.h"
#include "server/ingest/format/otlp.h"

typedef Opentelemetry__Proto__ExportProfilesServiceRequest Request;
typedef Opentelemetry__Proto__ExportProfilesServiceResponse Response;
typedef Opentelemetry__Proto__ExportProfilesPartialSuccess PartialSuccess;

/* What the decoded form of a JSON request may cost beside its bytes. */
#define JSON_ARENA_MIN    (256 * 1024)
#define JSON_ARENA_FACTOR 8

typedef void (*ExportDone)(void *data, const Response *response, const GError *error);

/* A request under way. */
typedef struct {
    ExportDone done;
    void *data;
    uint64_t n_profiles;
    OtlpRejected rejected; /* what could not be read of it */
    bool *refused;         /* per profile that was pushed, whether it was refused */
    size_t n_pushed;
} Export;

static void
export_end(Export *export, const Response *response, const GError *error)
{
    export->done(export->data, response, error);
    otlp_rejected_clear(&export->rejected);
    g_free(export->refused);
    g_free(export);
}

/* Answers when everything that could be stored is. What is wrong and stays wrong is told in the
 * answer, unless it is all there was; what may succeed later makes the client send it again. */
static void
export_finish(Export *export, const GError *error)
{
    size_t n_refused = 0;
    for (size_t i = 0; i < export->n_pushed; i++)
        n_refused += export->refused[i];
    if (error != NULL && !g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT)) {
        export_end(export, NULL, error);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    if (export->rejected.reason != NULL)
        g_string_append(text, export->rejected.reason->str);
    if (error != NULL)
        g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", error->message);
    if (n_refused == export->n_pushed && text->len > 0) {
        g_autoptr(GError) all = NULL;
        error_set(&all, CRESSET_ERROR_INVALID_ARGUMENT, "%s", text->str);
        export_end(export, NULL, all);
        return;
    }
    Response response = OPENTELEMETRY__PROTO__EXPORT_PROFILES_SERVICE_RESPONSE__INIT;
    PartialSuccess partial = OPENTELEMETRY__PROTO__EXPORT_PROFILES_PARTIAL_SUCCESS__INIT;
    partial.rejected_profiles = (int64_t)(export->rejected.n + n_refused);
    partial.error_message = text->str;
    if (text->len > 0)
        response.partial_success = &partial;
    export_end(export, &response, NULL);
}

static void
on_pushed(void *data, const GError *error)
{
    export_finish(data, error);
}

static void
push_set(const Api *api, const char *tenant, const ProfileSet *set, Export *export)
{
    guint n = set->profiles->len;
    g_autofree IngestProfile *items = g_new0(IngestProfile, n);
    export->refused = g_new0(bool, n);
    export->n_pushed = n;
    for (guint i = 0; i < n; i++) {
        const SetProfile *profile = &g_array_index(set->profiles, SetProfile, i);
        items[i] = (IngestProfile){.labels = (const Label *)(void *)profile->labels->data,
                                   .n_labels = profile->labels->len,
                                   .profile = profile->pprof->data,
                                   .profile_size = profile->pprof->len,
                                   .id = profile->id,
                                   .ret_refused = &export->refused[i]};
    }
    ingest_push(api->ingest, tenant, items, n, on_pushed, export);
}

/* Reads a binary request and pushes its profiles; `done` is called once, from any thread. */
static void
export_request(const Api *api, const char *tenant, const OtlpRequest *request, ExportDone done,
               void *data)
{
    TenantLimits limits;
    tenant_overrides_get(api->overrides, tenant, &limits);
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    Export *export = g_new0(Export, 1);
    export->done = done;
    export->data = data;
    if (!otlp_read(request, &limits, api_now_ns(), set, &export->n_profiles, &export->rejected,
                   &error))
        export_end(export, NULL, error);
    else if (set->profiles->len == 0)
        export_finish(export, NULL);
    else
        push_set(api, tenant, set, export);
}

/* ---- JSON. ---- */

/* In JSON these ids are hexadecimal, where protobuf has base64: reads the digits that base64 made
 * into bytes. Ids that were base64 stay what they are. */
static void
repair_id(ProtobufCBinaryData *id, size_t size)
{
    if (id->len != size / 2 * 3)
        return;
    g_autofree char *digits = g_base64_encode(id->data, id->len);
    uint8_t bytes[16];
    for (size_t i = 0; i < size; i++) {
        int high = g_ascii_xdigit_value(digits[2 * i]),
            low = g_ascii_xdigit_value(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(id->data, bytes, size);
    id->len = size;
}

/* Release 1.8 calls samples and lines `sample` and `line`. */
static void
repair_location(Opentelemetry__Proto__OtlpLocation *location)
{
    if (location->n_lines == 0) {
        location->lines = location->line;
        location->n_lines = location->n_line;
    }
    location->n_line = 0;
}

static void
repair_profile(Opentelemetry__Proto__OtlpProfile *profile)
{
    repair_id(&profile->profile_id, 16);
    if (profile->n_samples == 0) {
        profile->samples = profile->sample;
        profile->n_samples = profile->n_sample;
    }
    profile->n_sample = 0;
}

static void
repair_dictionary(const Opentelemetry__Proto__ProfilesDictionary *dictionary)
{
    for (size_t i = 0; i < dictionary->n_link_table; i++) {
        repair_id(&dictionary->link_table[i]->trace_id, 16);
        repair_id(&dictionary->link_table[i]->span_id, 8);
    }
    for (size_t i = 0; i < dictionary->n_location_table; i++)
        repair_location(dictionary->location_table[i]);
}

static void
repair_request(const Request *request)
{
    if (request->dictionary != NULL)
        repair_dictionary(request->dictionary);
    for (size_t i = 0; i < request->n_resource_profiles; i++) {
        const Opentelemetry__Proto__ResourceProfiles *resource = request->resource_profiles[i];
        for (size_t j = 0; j < resource->n_scope_profiles; j++) {
            const Opentelemetry__Proto__ScopeProfiles *scope = resource->scope_profiles[j];
            for (size_t k = 0; k < scope->n_profiles; k++)
                repair_profile(scope->profiles[k]);
        }
    }
}

/* The binary form of a request that came as JSON. */
static GBytes *
pack_request(const ProtobufCMessage *message)
{
    repair_request((const Request *)(const void *)message);
    return codec_encode(CODEC_PROTO, message);
}

/* What was packed has the numbers of proto/otlp.proto. */
static OtlpRequest
of_packed(GBytes *packed)
{
    OtlpRequest request = {.numbering = OTLP_NUMBERING_1_10};
    request.data = g_bytes_get_data(packed, &request.size);
    return request;
}

/* ---- HTTP. ---- */

static void
http_done(void *data, const Response *response, const GError *error)
{
    HttpRequest *request = data;
    if (error != NULL)
        http_reply(request, http_response_from_error(error));
    else
        http_reply(request, http_response_new(200, "application/x-protobuf",
                                              codec_encode(CODEC_PROTO, &response->base)));
}

static void
handle_json(HttpRequest *request, const Api *api)
{
    g_autoptr(Arena) arena = arena_new(JSON_ARENA_MIN + JSON_ARENA_FACTOR * request->body_size);
    g_autoptr(GError) error = NULL;
    const ProtobufCMessage *message =
        codec_decode(CODEC_JSON, &opentelemetry__proto__export_profiles_service_request__descriptor,
                     request->body, request->body_size, arena, &error);
    if (message == NULL) {
        http_done(request, NULL, error);
        return;
    }
    g_autoptr(GBytes) packed = pack_request(message);
    const OtlpRequest export = of_packed(packed);
    export_request(api, request->tenant, &export, http_done, request);
}

void
otlp_handle(HttpRequest *request, void *api)
{
    const char *type = http_request_header(request, "Content-Type");
    const OtlpRequest binary = {.data = request->body, .size = request->body_size};
    if (header_is_media_type(type, "application/json"))
        handle_json(request, api);
    else if (header_is_media_type(type, "application/x-protobuf") ||
             header_is_media_type(type, "application/protobuf"))
        export_request(api, request->tenant, &binary, http_done, request);
    else
        http_reply(request, http_response_error(415, "unknown",
                                                "the content type must be application/x-protobuf "
                                                "or application/json"));
}

/* ---- RPC. ---- */

static void
rpc_done(void *data, const Response *response, const GError *error)
{
    RpcCall *call = data;
    if (error != NULL)
        rpc_fail(call, error);
    else
        rpc_reply(call, &response->base);
}

static void
call_export(RpcCall *call)
{
    g_autoptr(GBytes) packed = call->message != NULL ? pack_request(call->message) : NULL;
    OtlpRequest export = {.data = call->http->body, .size = call->http->body_size};
    if (packed != NULL)
        export = of_packed(packed);
    export_request(call->api, call->http->tenant, &export, rpc_done, call);
}

const RpcMethod rpc_otlp_export = {
    .request = &opentelemetry__proto__export_profiles_service_request__descriptor,
    .raw_proto = true,
    .call = call_export};
