#include "server/http/message.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"

const char *
http_request_header(const HttpRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (g_ascii_strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

const char *
http_request_param(const HttpRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_params; i++) {
        if (strcmp(request->params[i].name, name) == 0)
            return request->params[i].value;
    }
    return NULL;
}

HttpResponse *
http_response_new(unsigned status, const char *content_type, GBytes *body)
{
    HttpResponse *response = g_new0(HttpResponse, 1);
    response->status = status;
    response->body = body;
    response->headers = g_ptr_array_new_with_free_func(g_free);
    if (content_type != NULL)
        http_response_set_header(response, "Content-Type", content_type);
    return response;
}

void
http_response_free(HttpResponse *response)
{
    if (response == NULL)
        return;
    g_clear_pointer(&response->body, g_bytes_unref);
    g_ptr_array_unref(response->headers);
    g_clear_pointer(&response->trailers, g_ptr_array_unref);
    g_free(response->message);
    g_free(response);
}

void
http_response_set_header(HttpResponse *response, const char *name, const char *value)
{
    g_ptr_array_add(response->headers, g_strdup(name));
    g_ptr_array_add(response->headers, g_strdup(value));
}

/* The names and statuses of the Connect protocol, by CressetError. */
void
http_response_drop_header(HttpResponse *response, const char *name)
{
    GPtrArray *headers = response->headers;
    for (guint i = 0; i + 1 < headers->len;) {
        if (g_ascii_strcasecmp(headers->pdata[i], name) == 0)
            g_ptr_array_remove_range(headers, i, 2);
        else
            i += 2;
    }
}

static const struct {
    const char *name;
    unsigned status;
} connect_codes[] = {
    [CRESSET_ERROR_CANCELLED] = {"canceled", 499},
    [CRESSET_ERROR_UNKNOWN] = {"unknown", 500},
    [CRESSET_ERROR_INVALID_ARGUMENT] = {"invalid_argument", 400},
    [CRESSET_ERROR_DEADLINE_EXCEEDED] = {"deadline_exceeded", 504},
    [CRESSET_ERROR_NOT_FOUND] = {"not_found", 404},
    [CRESSET_ERROR_ALREADY_EXISTS] = {"already_exists", 409},
    [CRESSET_ERROR_PERMISSION_DENIED] = {"permission_denied", 403},
    [CRESSET_ERROR_RESOURCE_EXHAUSTED] = {"resource_exhausted", 429},
    [CRESSET_ERROR_FAILED_PRECONDITION] = {"failed_precondition", 400},
    [CRESSET_ERROR_ABORTED] = {"aborted", 409},
    [CRESSET_ERROR_OUT_OF_RANGE] = {"out_of_range", 400},
    [CRESSET_ERROR_UNIMPLEMENTED] = {"unimplemented", 501},
    [CRESSET_ERROR_INTERNAL] = {"internal", 500},
    [CRESSET_ERROR_UNAVAILABLE] = {"unavailable", 503},
    [CRESSET_ERROR_DATA_LOSS] = {"data_loss", 500},
    [CRESSET_ERROR_UNAUTHENTICATED] = {"unauthenticated", 401},
};

/* The gRPC number of a Connect code; unknown ones are CRESSET_ERROR_UNKNOWN. */
static unsigned
grpc_status_of(const char *code)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(connect_codes); i++) {
        if (connect_codes[i].name != NULL && strcmp(connect_codes[i].name, code) == 0)
            return i;
    }
    return CRESSET_ERROR_UNKNOWN;
}

HttpResponse *
http_response_error(unsigned status, const char *code, const char *message)
{
    JsonWriter json;
    jsonw_init(&json, 256);
    jsonw_object_begin(&json);
    jsonw_key(&json, "code");
    jsonw_string(&json, code);
    if (message[0] != '\0') {
        jsonw_key(&json, "message");
        jsonw_string(&json, message);
    }
    jsonw_object_end(&json);
    HttpResponse *response = http_response_new(status, "application/json", jsonw_finish(&json));
    response->message = g_strdup(message);
    response->grpc_status = grpc_status_of(code);
    return response;
}

void
http_response_set_text(HttpResponse *response)
{
    g_clear_pointer(&response->body, g_bytes_unref);
    response->body = g_bytes_new(response->message, strlen(response->message));
    http_response_drop_header(response, "Content-Type");
    http_response_set_header(response, "Content-Type", "text/plain; charset=utf-8");
}

static size_t
connect_code_of(const GError *error)
{
    bool known = error->domain == CRESSET_ERROR && error->code > 0 &&
                 error->code < (int)G_N_ELEMENTS(connect_codes);
    return known ? (size_t)error->code : CRESSET_ERROR_INTERNAL;
}

const char *
http_error_code(const GError *error)
{
    return connect_codes[connect_code_of(error)].name;
}

unsigned
http_error_status(const GError *error)
{
    return connect_codes[connect_code_of(error)].status;
}

HttpResponse *
http_response_from_error(const GError *error)
{
    return http_response_error(http_error_status(error), http_error_code(error), error->message);
}
