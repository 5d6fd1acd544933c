#include "server/api/debuginfo.h"

#include <debuginfo.pb-c.h>
#include <string.h>

#include "lib/base/error.h"

#define NS_PER_S INT64_C(1000000000)
/* Of each text that a client says of a file. */
#define TEXT_BYTES_MAX 4096

static bool
check_text(const char *field, const char *text, GError **error)
{
    return strlen(text) <= TEXT_BYTES_MAX ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "file.%s has %zu bytes, and at most %d are allowed", field, strlen(text),
                     TEXT_BYTES_MAX);
}

static bool
check_file(const Debuginfo__V1alpha1__FileMetadata *file, GError **error)
{
    if (file == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "file is required");
    return check_text("gnu_build_id", file->gnu_build_id, error) &&
           check_text("go_build_id", file->go_build_id, error) &&
           check_text("otel_file_id", file->otel_file_id, error) &&
           check_text("name", file->name, error);
}

static void
call_should_initiate_upload(RpcCall *call)
{
    const Debuginfo__V1alpha1__ShouldInitiateUploadRequest *request = (const void *)call->message;
    Debuginfo__V1alpha1__ShouldInitiateUploadResponse response =
        DEBUGINFO__V1ALPHA1__SHOULD_INITIATE_UPLOAD_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    if (!check_file(request->file, &error)) {
        rpc_fail(call, error);
        return;
    }
    const DebugFile file = {.gnu_build_id = request->file->gnu_build_id,
                            .go_build_id = request->file->go_build_id,
                            .otel_file_id = request->file->otel_file_id,
                            .name = request->file->name,
                            .type = (int)request->file->type};
    g_autofree char *reason = NULL;
    response.should_initiate_upload =
        debug_files_announce(call->api->debug_files, call->http->tenant, &file, &reason, &error);
    if (error != NULL) {
        rpc_fail(call, error);
        return;
    }
    if (reason != NULL)
        response.reason = reason;
    rpc_reply(call, &response.base);
}

static void
call_upload_finished(RpcCall *call)
{
    const Debuginfo__V1alpha1__UploadFinishedRequest *request = (const void *)call->message;
    Debuginfo__V1alpha1__UploadFinishedResponse response =
        DEBUGINFO__V1ALPHA1__UPLOAD_FINISHED_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    if (debug_files_finish(call->api->debug_files, call->http->tenant, request->gnu_build_id,
                           &error))
        rpc_reply(call, &response.base);
    else
        rpc_fail(call, error);
}

/* NULL for the time 0. */
static Google__Protobuf__Timestamp *
timestamp(RpcCall *call, int64_t time_ns)
{
    if (time_ns == 0)
        return NULL;
    Google__Protobuf__Timestamp *message = rpc_alloc(call, 1, sizeof(*message));
    *message = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    message->seconds = time_ns / NS_PER_S;
    message->nanos = (int32_t)(time_ns % NS_PER_S);
    return message;
}

static Debuginfo__V1alpha1__ObjectMetadata *
object_of(RpcCall *call, const DebugFile *file)
{
    Debuginfo__V1alpha1__FileMetadata *said = rpc_alloc(call, 1, sizeof(*said));
    *said = (Debuginfo__V1alpha1__FileMetadata)DEBUGINFO__V1ALPHA1__FILE_METADATA__INIT;
    said->gnu_build_id = file->gnu_build_id;
    said->go_build_id = file->go_build_id;
    said->otel_file_id = file->otel_file_id;
    said->name = file->name;
    said->type = (Debuginfo__V1alpha1__FileMetadata__Type)file->type;
    Debuginfo__V1alpha1__ObjectMetadata *object = rpc_alloc(call, 1, sizeof(*object));
    *object = (Debuginfo__V1alpha1__ObjectMetadata)DEBUGINFO__V1ALPHA1__OBJECT_METADATA__INIT;
    object->file = said;
    object->state = (Debuginfo__V1alpha1__ObjectMetadata__State)file->state;
    object->started_at = timestamp(call, file->started_ns);
    object->finished_at = timestamp(call, file->finished_ns);
    object->size_bytes = file->size_bytes;
    return object;
}

static void
call_list_debuginfo(RpcCall *call)
{
    Debuginfo__V1alpha1__ListDebuginfoResponse response =
        DEBUGINFO__V1ALPHA1__LIST_DEBUGINFO_RESPONSE__INIT;
    g_autoptr(GPtrArray) list = debug_files_list(call->api->debug_files, call->http->tenant);
    response.object = rpc_alloc_pointers(call, list->len);
    for (guint i = 0; i < list->len; i++)
        response.object[response.n_object++] = object_of(call, g_ptr_array_index(list, i));
    rpc_reply(call, &response.base);
}

static void
call_delete_debuginfo(RpcCall *call)
{
    const Debuginfo__V1alpha1__DeleteDebuginfoRequest *request = (const void *)call->message;
    Debuginfo__V1alpha1__DeleteDebuginfoResponse response =
        DEBUGINFO__V1ALPHA1__DELETE_DEBUGINFO_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    if (debug_files_delete(call->api->debug_files, call->http->tenant, request->gnu_build_id,
                           &error))
        rpc_reply(call, &response.base);
    else
        rpc_fail(call, error);
}

/* What the API answers an upload that was not announced is not what other errors are. */
static HttpResponse *
upload_refusal(const GError *error)
{
    return g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_FAILED_PRECONDITION)
               ? http_response_error(412, http_error_code(error), error->message)
               : http_response_from_error(error);
}

static const char *
upload_build_id(const HttpRequest *request)
{
    return request->path + strlen(DEBUGINFO_UPLOAD);
}

/* Bytes of the body, or -1 when its head does not say. */
static int64_t
body_length(const HttpRequest *request)
{
    const char *text = http_request_header(request, "Content-Length");
    guint64 length = 0;
    if (text == NULL || http_request_header(request, "Transfer-Encoding") != NULL ||
        !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &length, NULL))
        return -1;
    return (int64_t)length;
}

HttpResponse *
debuginfo_admit_upload(HttpRequest *request, void *data)
{
    const Api *api = data;
    g_autoptr(GError) error = NULL;
    DebugUpload *upload = debug_files_admit(api->debug_files, request->tenant,
                                            upload_build_id(request), body_length(request), &error);
    if (upload == NULL)
        return upload_refusal(error);
    http_request_on_end(request, (GDestroyNotify)debug_upload_end, upload);
    return NULL;
}

void
debuginfo_handle_upload(HttpRequest *request, void *data)
{
    const Api *api = data;
    g_autoptr(GError) error = NULL;
    if (!debug_files_receive(api->debug_files, request->tenant, upload_build_id(request),
                             request->body_path, &error)) {
        http_reply(request, upload_refusal(error));
        return;
    }
    http_request_keep_file(request);
    http_reply(request, http_response_new(200, "text/plain", NULL));
}

const RpcMethod rpc_should_initiate_upload = {
    .request = &debuginfo__v1alpha1__should_initiate_upload_request__descriptor,
    .call = call_should_initiate_upload};
const RpcMethod rpc_upload_finished = {
    .request = &debuginfo__v1alpha1__upload_finished_request__descriptor,
    .call = call_upload_finished};
const RpcMethod rpc_list_debuginfo = {.request =
                                          &debuginfo__v1alpha1__list_debuginfo_request__descriptor,
                                      .one_tenant = true,
                                      .call = call_list_debuginfo};
const RpcMethod rpc_delete_debuginfo = {
    .request = &debuginfo__v1alpha1__delete_debuginfo_request__descriptor,
    .call = call_delete_debuginfo};
