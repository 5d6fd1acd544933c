#include "lib/k8s/client.h"

#include <string.h>

#include "cresset/version.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/k8s/answer.h"
#include "lib/k8s/credentials.h"
#include "lib/k8s/trust.h"
#include "lib/net/retry.h"

/* What a server may take for a page before it gives up and says so (504), which is sent again: a
 * list in one page has the server's own limit. */
#define LIST_TIMEOUT "30s"

enum {
    PAUSE_MIN_MS = 500,
    PAUSE_SPREAD_PERCENT = 50,
    LOG_SLACK_BYTES = 64 * 1024, /* an answer may be a Status instead */
    WATCH_SLACK_MS = 30 * 1000,  /* behind the end that the server was told of */
    LOG_TRIES_MAX = 2,           /* a node that is gone is a 500 for as long as it is gone */
};

struct K8sClient {
    K8sConfig *config;
    CredentialSource *credentials;
    TrustSource *trust;
};

static const K8sCall DEFAULT_CALL = {0};

void
k8s_outcome_clear(K8sOutcome *outcome)
{
    g_free(outcome->reason);
    g_free(outcome->message);
    *outcome = (K8sOutcome){0};
}

K8sClient *
k8s_client_new(K8sConfig *config, const char *program)
{
    g_autofree char *user_agent = g_strdup_printf("cresset-%s/%s", program, CRESSET_VERSION);
    K8sClient *client = g_new0(K8sClient, 1);
    client->config = config;
    client->credentials = credential_source_new(config);
    client->trust = trust_source_new(config, user_agent);
    return client;
}

void
k8s_client_free(K8sClient *client)
{
    if (client == NULL)
        return;
    trust_source_free(client->trust);
    credential_source_free(client->credentials);
    k8s_config_free(client->config);
    g_free(client);
}

const K8sConfig *
k8s_client_config(const K8sClient *client)
{
    return client->config;
}

/* Metadata of an object and of a list have names of their own, and the wrong one is a 406. */
static const char *
accept_header(K8sRepresentation representation, bool is_list)
{
    static const char *const headers[] = {
        [K8S_OBJECTS] = "Accept: application/json",
        [K8S_METADATA] = "Accept: "
                         "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
                         "application/json",
        [K8S_DISCOVERY] = "Accept: "
                          "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
                          "application/json;g=apidiscovery.k8s.io;v=v2beta1;"
                          "as=APIGroupDiscoveryList,application/json",
        [K8S_ANY] = "Accept: */*",
    };
    if (is_list && representation == K8S_METADATA)
        return "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
               "application/json";
    return headers[representation];
}

/* --- one request ------------------------------------------------------------------------------ */

/* A request with what bounds it. */
typedef struct {
    K8sClient *client;
    const K8sCall *call;
    const char *url, *accept;
    GBytes *object;      /* to be created; NULL: it is a GET */
    bool is_item;        /* a 404 with a Status means the object, not the API */
    K8sDataFunc on_data; /* of a watch, which is tried once */
    void *user;
    int64_t silence_ms;
    K8sReadiness *readiness; /* to be filled by a 500 as well; NULL: only a 200 is an answer */
} Request;

static void
set_outcome(K8sOutcome *outcome, K8sResult result, const char *message)
{
    outcome->result = result;
    g_free(outcome->message);
    outcome->message = printable_line(message, strlen(message), ANSWER_MESSAGE_BYTES_MAX);
}

static void
set_outcome_of_error(K8sOutcome *outcome, const GError *error)
{
    K8sResult result = K8S_FAILED;
    if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_CANCELLED))
        result = K8S_CANCELLED;
    else if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DEADLINE_EXCEEDED))
        result = K8S_TIMEOUT;
    set_outcome(outcome, result, error->message);
}

static K8sResult
result_of_status(int status, bool is_missing_item)
{
    switch (status) {
    case 401:
        return K8S_UNAUTHENTICATED;
    case 403:
        return K8S_FORBIDDEN;
    case 404:
        return is_missing_item ? K8S_NOT_FOUND : K8S_ABSENT;
    case 408:
    case 504:
        return K8S_TIMEOUT;
    default:
        return K8S_FAILED;
    }
}

static void
set_outcome_of_reply(K8sOutcome *outcome, const Request *request, const HttpClientReply *reply)
{
    g_auto(ErrorAnswer) answer = {0};
    error_answer_read(reply->body, &answer);
    g_free(outcome->reason);
    outcome->reason = g_steal_pointer(&answer.reason);
    bool is_missing_item = request->is_item && outcome->reason != NULL;
    g_autofree char *status = g_strdup_printf("HTTP status %d", reply->status);
    set_outcome(outcome, result_of_status(reply->status, is_missing_item),
                *answer.message != '\0' ? answer.message : status);
}

/* Sends with retries as of the call. */
static bool
send_with(const Request *request, const Credentials *credentials, HttpClientReply *ret_reply,
          GError **error)
{
    const K8sCall *call = request->call;
    int64_t left_ms = K8S_PATIENCE_MS;
    if (call->end_us > 0)
        left_ms = (call->end_us - g_get_monotonic_time()) / 1000;
    if (left_ms <= 0)
        return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED, "no time was left to ask for it");
    const HttpRetry retry = {
        .tries_max = request->on_data != NULL ? 1
                     : call->tries_max > 0    ? call->tries_max
                                              : K8S_TRIES_MAX,
        .deadline_ms = left_ms,
        .pause_min_ms = PAUSE_MIN_MS,
        .spread_percent = PAUSE_SPREAD_PERCENT,
    };
    const char *headers[4] = {request->accept};
    size_t n_headers = 1;
    if (request->object != NULL)
        headers[n_headers++] = "Content-Type: application/json";
    headers[n_headers] = credentials->authorization;
    const HttpClientRequest http = {
        .url = request->url,
        .headers = headers,
        .body = request->object,
        .certificate_pem = credentials->certificate_pem,
        .key_pem = credentials->key_pem,
        .timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : K8S_REQUEST_TIMEOUT_MS,
        .reply_bytes_max = call->body_bytes_max > 0 ? call->body_bytes_max : K8S_BODY_BYTES_MAX,
        .cancel = call->cancel,
        .on_data = request->on_data,
        .user = request->user,
        .silence_ms = request->silence_ms,
        .with_certificate = request->readiness != NULL,
    };
    g_autoptr(TrustedClient) trusted = trust_source_acquire(request->client->trust);
    return http_retry_send(trusted->http, &http, &retry, ret_reply, NULL, error);
}

static bool
is_good(const Request *request, int status)
{
    return status == 200 || (request->object != NULL && (status == 201 || status == 202)) ||
           (request->readiness != NULL && status == 500);
}

/* The body of a good answer, or NULL with the outcome set. */
static GBytes *
fetch(const Request *request, K8sOutcome *outcome)
{
    CredentialSource *source = request->client->credentials;
    for (bool again = true, renewed = false; again; renewed = true) {
        g_autoptr(GError) error = NULL;
        g_auto(Credentials) credentials = {0};
        g_auto(HttpClientReply) reply = {0};
        outcome->status = 0;
        if (!credential_source_get(source, request->call->end_us, request->call->cancel,
                                   &credentials, &error)) {
            set_outcome_of_error(outcome, error);
            if (outcome->result == K8S_FAILED)
                outcome->result = K8S_UNAUTHENTICATED;
            return NULL;
        }
        if (!send_with(request, &credentials, &reply, &error)) {
            set_outcome_of_error(outcome, error);
            return NULL;
        }
        outcome->status = reply.status;
        outcome->retry_after_ms = reply.retry_after_ms;
        if (request->readiness != NULL) {
            k8s_readiness_clear(request->readiness);
            request->readiness->status = reply.status;
            request->readiness->certificate_pem = g_steal_pointer(&reply.certificate_pem);
        }
        if (is_good(request, reply.status)) {
            set_outcome(outcome, K8S_OK, "");
            g_clear_pointer(&outcome->reason, g_free);
            return g_bytes_ref(reply.body);
        }
        set_outcome_of_reply(outcome, request, &reply);
        again = reply.status == 401 && !renewed && credential_source_refuse(source, &credentials);
    }
    return NULL;
}

bool
k8s_client_get(K8sClient *client, const char *path, K8sRepresentation representation,
               const K8sCall *call, GBytes **ret_body, K8sOutcome *ret_outcome)
{
    g_autofree char *url = g_strconcat(client->config->server, path, NULL);
    const Request request = {
        .client = client,
        .call = call != NULL ? call : &DEFAULT_CALL,
        .url = url,
        .accept = accept_header(representation, false),
        .is_item = true,
    };
    *ret_outcome = (K8sOutcome){0};
    GBytes *body = fetch(&request, ret_outcome);
    if (body != NULL)
        *ret_body = body;
    return body != NULL;
}

bool
k8s_client_readiness(K8sClient *client, const K8sCall *call, K8sReadiness *ret_readiness,
                     K8sOutcome *ret_outcome)
{
    g_autofree char *url = g_strconcat(client->config->server, "/readyz?verbose", NULL);
    g_auto(K8sReadiness) readiness = {0};
    const Request request = {
        .client = client,
        .call = call != NULL ? call : &DEFAULT_CALL,
        .url = url,
        .accept = accept_header(K8S_ANY, false),
        .readiness = &readiness,
    };
    *ret_outcome = (K8sOutcome){0};
    readiness.text = fetch(&request, ret_outcome);
    if (readiness.text == NULL)
        return false;
    *ret_readiness = readiness;
    readiness = (K8sReadiness){0};
    return true;
}

void
k8s_readiness_clear(K8sReadiness *readiness)
{
    g_clear_pointer(&readiness->text, g_bytes_unref);
    g_clear_pointer(&readiness->certificate_pem, g_bytes_unref);
    *readiness = (K8sReadiness){0};
}

bool
k8s_client_create(K8sClient *client, const char *path, GBytes *object, const K8sCall *call,
                  K8sOutcome *ret_outcome)
{
    g_autofree char *url = g_strconcat(client->config->server, path, NULL);
    const Request request = {
        .client = client,
        .call = call != NULL ? call : &DEFAULT_CALL,
        .url = url,
        .accept = accept_header(K8S_OBJECTS, false),
        .object = object,
    };
    *ret_outcome = (K8sOutcome){0};
    g_autoptr(GBytes) body = fetch(&request, ret_outcome);
    return body != NULL;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* A list on its way. */
typedef struct {
    const K8sList *list;
    K8sPageFunc func;
    void *user;
    char *token; /* of the next page; NULL: the first */
    bool unlimited;
} Listing;

static char *
page_url(const K8sClient *client, const Listing *listing)
{
    const K8sList *list = listing->list;
    GString *url = g_string_new(client->config->server);
    g_string_append(url, list->path);
    if (list->query != NULL && *list->query != '\0')
        g_string_append_printf(url, "?%s", list->query);
    if (!listing->unlimited) {
        k8s_path_add_number(url, "limit", K8S_LIST_LIMIT);
        k8s_path_add(url, "timeout", LIST_TIMEOUT);
    }
    if (listing->token != NULL)
        k8s_path_add(url, "continue", listing->token);
    return g_string_free(url, FALSE);
}

/* Hands a page over; false with *error when it is none, or the caller ends the list. */
static bool
take_page(Listing *listing, GBytes *body, K8sOutcome *outcome, GError **error)
{
    g_auto(ListHead) head = {0};
    if (!list_head_read(body, &head, error))
        return false;
    outcome->pages++;
    outcome->is_partial = true; /* until the last one */
    if (!listing->func(body, listing->user, error))
        return false;
    if (head.continue_token != NULL && g_strcmp0(head.continue_token, listing->token) == 0)
        return error_set(error, CRESSET_ERROR_INTERNAL,
                         "the server goes on with the page that it just gave");
    if (head.continue_token != NULL && outcome->pages >= K8S_PAGES_MAX)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "more than %d pages",
                         K8S_PAGES_MAX);
    g_free(listing->token);
    listing->token = g_steal_pointer(&head.continue_token);
    return true;
}

/* Begins anew without a limit when the server has forgotten the list and this was not done yet. */
static bool
begin_anew(Listing *listing, K8sOutcome *outcome)
{
    if (outcome->status != 410 || listing->unlimited)
        return false;
    listing->unlimited = true;
    g_clear_pointer(&listing->token, g_free);
    return true;
}

bool
k8s_client_list(K8sClient *client, const K8sList *list, const K8sCall *call, K8sPageFunc func,
                void *user, K8sOutcome *ret_outcome)
{
    Listing listing = {.list = list, .func = func, .user = user, .unlimited = list->is_whole};
    K8sOutcome outcome = {0};
    for (bool more = true; more;) {
        g_autofree char *url = page_url(client, &listing);
        const Request request = {
            .client = client,
            .call = call != NULL ? call : &DEFAULT_CALL,
            .url = url,
            .accept = accept_header(list->representation, true),
        };
        g_autoptr(GBytes) body = fetch(&request, &outcome);
        if (body == NULL) {
            more = begin_anew(&listing, &outcome);
            continue;
        }
        if (listing.token == NULL)
            outcome.pages = 0;
        g_autoptr(GError) error = NULL;
        bool taken = take_page(&listing, body, &outcome, &error);
        if (!taken)
            set_outcome_of_error(&outcome, error);
        more = taken && listing.token != NULL;
        outcome.is_partial = outcome.is_partial && !(taken && !more);
    }
    g_free(listing.token);
    *ret_outcome = outcome;
    return outcome.result == K8S_OK;
}

/* --- watches ---------------------------------------------------------------------------------- */

bool
k8s_client_watch(K8sClient *client, const K8sWatch *watch, const K8sCall *call, K8sDataFunc func,
                 void *user, K8sOutcome *ret_outcome)
{
    g_autoptr(GString) url = g_string_new(client->config->server);
    g_string_append_printf(url, "%s?watch=true&allowWatchBookmarks=true", watch->path);
    if (watch->query != NULL && *watch->query != '\0')
        g_string_append_printf(url, "&%s", watch->query);
    k8s_path_add(url, "resourceVersion", watch->resource_version);
    k8s_path_add_number(url, "timeoutSeconds", watch->timeout_s);
    K8sCall bounded = call != NULL ? *call : DEFAULT_CALL;
    if (bounded.timeout_ms == 0)
        bounded.timeout_ms = (int64_t)watch->timeout_s * 1000 + WATCH_SLACK_MS;
    if (bounded.end_us == 0)
        bounded.end_us = g_get_monotonic_time() + bounded.timeout_ms * 1000;
    const Request request = {
        .client = client,
        .call = &bounded,
        .url = url->str,
        .accept = accept_header(K8S_OBJECTS, true),
        .on_data = func,
        .user = user,
        .silence_ms = watch->silence_ms,
    };
    K8sOutcome outcome = {0};
    g_autoptr(GBytes) nothing = fetch(&request, &outcome);
    *ret_outcome = outcome;
    return nothing != NULL;
}

/* --- logs ------------------------------------------------------------------------------------- */

bool
k8s_client_log(K8sClient *client, const K8sLog *log, const K8sCall *call, GBytes **ret_text,
               K8sOutcome *ret_outcome)
{
    unsigned limit_bytes = log->limit_bytes > 0 ? log->limit_bytes : K8S_LOG_BYTES_MAX;
    K8sCall bounded = call != NULL ? *call : DEFAULT_CALL;
    bounded.body_bytes_max = (size_t)limit_bytes + LOG_SLACK_BYTES;
    if (bounded.tries_max == 0)
        bounded.tries_max = LOG_TRIES_MAX;
    g_autofree char *pod = k8s_path("", "v1", log->namespace, "pods", log->pod);
    g_autoptr(GString) path = g_string_new(pod);
    g_string_append(path, "/log");
    if (log->container != NULL)
        k8s_path_add(path, "container", log->container);
    if (log->previous)
        k8s_path_add(path, "previous", "true");
    if (log->tail_lines > 0)
        k8s_path_add_number(path, "tailLines", log->tail_lines);
    k8s_path_add_number(path, "limitBytes", limit_bytes);
    return k8s_client_get(client, path->str, K8S_ANY, &bounded, ret_text, ret_outcome);
}
