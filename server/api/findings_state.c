#include "server/api/findings_state.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/findings/analyzer_state.h"

enum { CLUSTER_BYTES_MAX = 1024 };

static bool
read_cluster(const HttpRequest *request, const char **ret_cluster, GError **error)
{
    *ret_cluster = http_request_param(request, "cluster");
    if (strchr(request->tenant, '|') != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the state of an analyzer is that of one tenant");
    if (*ret_cluster == NULL || **ret_cluster == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "parameter cluster is required");
    return strlen(*ret_cluster) <= CLUSTER_BYTES_MAX ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "parameter cluster is longer than %d bytes", CLUSTER_BYTES_MAX);
}

/* The tag of what the request replaces; NULL when it does not say. */
static const char *
expected_tag(const HttpRequest *request)
{
    const char *match = http_request_header(request, "If-Match");
    const char *none = http_request_header(request, "If-None-Match");
    if (match != NULL)
        return *match != '\0' ? match : NULL;
    return none != NULL && strcmp(none, "*") == 0 ? "" : NULL;
}

static void
reply(HttpRequest *request, HttpResponse *response, const AnalyzerStateTag *tag)
{
    if (tag != NULL)
        http_response_set_header(response, "ETag", tag->text);
    http_response_set_header(response, "Cache-Control", "no-store");
    http_reply(request, response);
}

static void
reply_error(HttpRequest *request, const GError *error)
{
    bool is_lost = g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_ABORTED);
    reply(request,
          is_lost ? http_response_error(412, http_error_code(error), error->message)
                  : http_response_from_error(error),
          NULL);
}

void
findings_state_handle_get(HttpRequest *request, void *data)
{
    const Api *api = data;
    g_autoptr(GError) error = NULL;
    const char *cluster;
    GBytes *content;
    AnalyzerStateTag tag;
    if (read_cluster(request, &cluster, &error) &&
        analyzer_state_get(api->store, request->tenant, cluster, &content, &tag, &error))
        reply(request, http_response_new(200, "application/octet-stream", content), &tag);
    else
        reply_error(request, error);
}

void
findings_state_handle_put(HttpRequest *request, void *data)
{
    const Api *api = data;
    g_autoptr(GError) error = NULL;
    const char *cluster, *expected = expected_tag(request);
    AnalyzerStateTag tag;
    if (!read_cluster(request, &cluster, &error)) {
        reply_error(request, error);
        return;
    }
    if (expected == NULL) {
        reply(request,
              http_response_error(428, "failed_precondition",
                                  "If-Match with the ETag of what is replaced, or If-None-Match: "
                                  "*, is required"),
              NULL);
        return;
    }
    g_autoptr(GBytes) content = g_bytes_new(request->body, request->body_size);
    if (analyzer_state_put(api->store, api->overrides, request->tenant, cluster, expected, content,
                           &tag, &error))
        reply(request, http_response_new(204, NULL, NULL), &tag);
    else
        reply_error(request, error);
}
