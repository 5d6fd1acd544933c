#include "analyzers/telemetry/api.h"

#include <string.h>

#include "analyzers/telemetry/series.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/net/http_auth.h"
#include "lib/net/http_client.h"
#include "lib/net/retry.h"

enum { WORDS_BYTES_MAX = 200 };

struct TelemetryApi {
    char *name, *url, *shown_url, *tenant;
    GStrv headers;
    char *token_file, *user, *password_file;
    HttpClient *client;
    GMutex lock; /* of what follows */
    TelemetryOutcome ended;
    int64_t clock_skew_s;
};

void
telemetry_outcome_clear(TelemetryOutcome *outcome)
{
    g_free(outcome->why);
    *outcome = (TelemetryOutcome){0};
}

bool
telemetry_outcome_set(TelemetryOutcome *outcome, TelemetryResult result, const char *format, ...)
{
    va_list args;
    telemetry_outcome_clear(outcome);
    outcome->result = result;
    if (result != TELEMETRY_OK) {
        va_start(args, format);
        outcome->why = g_strdup_vprintf(format, args);
        va_end(args);
    }
    return result == TELEMETRY_OK;
}

/* ---- The API. ---- */

static bool
split_url(const char *url, char **ret_base, char **ret_shown, GError **error)
{
    g_autoptr(GUri) uri = http_url_parse(url);
    if (uri == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "it is no http or https URL");
    if (g_uri_get_query(uri) != NULL || g_uri_get_fragment(uri) != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "it is a base, to which paths are added: '?' and '#' cannot be in it");
    *ret_base = g_strdup(url);
    for (size_t n = strlen(*ret_base); n > 0 && (*ret_base)[n - 1] == '/'; n--)
        (*ret_base)[n - 1] = '\0';
    *ret_shown = g_uri_to_string_partial(uri, G_URI_HIDE_USERINFO);
    return true;
}

TelemetryApi *
telemetry_api_new(const TelemetryConfig *config, GError **error)
{
    g_autofree char *base = NULL, *shown = NULL;
    if (!split_url(config->url, &base, &shown, error)) {
        g_prefix_error(error, "the URL for %s: ", config->name);
        return NULL;
    }
    const HttpClientConfig client = {
        .user_agent = "cresset-analyzer",
        .ca_file = config->ca_file != NULL && *config->ca_file != '\0' ? config->ca_file : NULL,
        .tls_unchecked = config->tls_unchecked};
    TelemetryApi *api = g_new0(TelemetryApi, 1);
    api->name = g_strdup(config->name);
    api->url = g_steal_pointer(&base);
    api->shown_url = g_steal_pointer(&shown);
    api->tenant = g_strdup(config->tenant != NULL ? config->tenant : "");
    api->headers = g_strdupv((char **)config->headers);
    api->token_file = g_strdup(config->token_file);
    api->user = g_strdup(config->user);
    api->password_file = g_strdup(config->password_file);
    api->client = http_client_new(&client);
    g_mutex_init(&api->lock);
    return api;
}

void
telemetry_api_free(TelemetryApi *api)
{
    if (api == NULL)
        return;
    http_client_free(api->client);
    g_strfreev(api->headers);
    telemetry_outcome_clear(&api->ended);
    g_mutex_clear(&api->lock);
    g_free(api->name);
    g_free(api->url);
    g_free(api->shown_url);
    g_free(api->tenant);
    g_free(api->token_file);
    g_free(api->user);
    g_free(api->password_file);
    g_free(api);
}

const char *
telemetry_api_name(const TelemetryApi *api)
{
    return api->name;
}

const char *
telemetry_api_url(const TelemetryApi *api)
{
    return api->shown_url;
}

const char *
telemetry_api_tenant(const TelemetryApi *api)
{
    return api->tenant;
}

TelemetryResult
telemetry_api_state(TelemetryApi *api, const char **ret_why)
{
    g_mutex_lock(&api->lock);
    TelemetryResult result = api->ended.result;
    if (ret_why != NULL)
        *ret_why = api->ended.why;
    g_mutex_unlock(&api->lock);
    return result;
}

int64_t
telemetry_api_clock_skew(TelemetryApi *api)
{
    g_mutex_lock(&api->lock);
    int64_t skew_s = api->clock_skew_s;
    g_mutex_unlock(&api->lock);
    return skew_s;
}

/* ---- Calls. ---- */

/* What no other call would answer differently. */
static bool
ends_all(TelemetryResult result)
{
    return result == TELEMETRY_UNREACHABLE || result == TELEMETRY_DENIED ||
           result == TELEMETRY_MISPLACED;
}

/* Whether the API has ended before, and how. */
static bool
has_ended(TelemetryApi *api, TelemetryOutcome *outcome)
{
    g_mutex_lock(&api->lock);
    bool ended = api->ended.result != TELEMETRY_OK;
    if (ended)
        (void)telemetry_outcome_set(outcome, api->ended.result, "%s", api->ended.why);
    g_mutex_unlock(&api->lock);
    return ended;
}

/* The first end is what is told from then on. */
static void
remember(TelemetryApi *api, const TelemetryOutcome *outcome)
{
    g_mutex_lock(&api->lock);
    if (ends_all(outcome->result) && api->ended.result == TELEMETRY_OK)
        (void)telemetry_outcome_set(&api->ended, outcome->result, "%s", outcome->why);
    g_mutex_unlock(&api->lock);
}

static void
note_clock(TelemetryApi *api, const HttpClientReply *reply)
{
    int64_t date_s = http_client_reply_date(reply);
    if (date_s == 0)
        return;
    g_mutex_lock(&api->lock);
    api->clock_skew_s = date_s - g_get_real_time() / G_USEC_PER_SEC;
    g_mutex_unlock(&api->lock);
}

static bool
is_json(const HttpClientReply *reply)
{
    const char *type = http_client_reply_header(reply, "content-type");
    return type != NULL && g_ascii_strncasecmp(type, "application/json", 16) == 0;
}

/* The words of an answer: the field "error" or "message" of its JSON would read no better. */
static char *
words_of(const HttpClientReply *reply)
{
    gsize size;
    const char *data = g_bytes_get_data(reply->body, &size);
    const char *type = http_client_reply_header(reply, "content-type");
    if (type != NULL && strstr(type, "html") != NULL)
        return g_strdup("a page of HTML");
    return printable_line(data, size, WORDS_BYTES_MAX);
}

static TelemetryResult
result_of_status(int status)
{
    if (status == 401 || status == 403)
        return TELEMETRY_DENIED;
    if (status == 404 || status == 405 || (status >= 300 && status < 400))
        return TELEMETRY_MISPLACED;
    return status >= 500 || status == 429 || status == 408 ? TELEMETRY_UNREACHABLE
                                                           : TELEMETRY_REFUSED;
}

/* Whether an answer is an error of Connect, {code, message}, with this code. */
static bool
has_code(const HttpClientReply *reply, const char *code)
{
    enum { TREE_BYTES_MAX = 1024 * 1024 };
    g_autoptr(Arena) arena = arena_new(TREE_BYTES_MAX);
    return is_json(reply) && value_is(answer_read_json(reply->body, arena, NULL), "code", code);
}

/* What its status alone would not say. A 5xx can be about the query: Prometheus answers 503 to one
 * that takes too long, in JSON, where Connect means itself (connectrpc.com/docs/protocol, "Error
 * Codes"). By 404 Connect tells of a method that is there that it has not found something. */
static TelemetryResult
result_of_reply(const HttpClientReply *reply)
{
    bool is_refused = reply->status == 503 ? is_json(reply) && !has_code(reply, "unavailable")
                                           : reply->status == 404 && has_code(reply, "not_found");
    return is_refused ? TELEMETRY_REFUSED : result_of_status(reply->status);
}

char *
telemetry_api_words(const TelemetryApi *api, const HttpClientReply *reply)
{
    g_autofree char *words = words_of(reply);
    return g_strdup_printf("%s answers %d%s%s", api->shown_url, reply->status,
                           *words != '\0' ? ": " : "", words);
}

static bool
judge(const TelemetryApi *api, HttpClientReply *reply, GBytes **ret_body, TelemetryOutcome *outcome)
{
    if (reply->status == 200 && is_json(reply)) {
        *ret_body = g_steal_pointer(&reply->body);
        return telemetry_outcome_set(outcome, TELEMETRY_OK, NULL);
    }
    if (reply->status == 200) {
        g_autofree char *body = words_of(reply);
        return telemetry_outcome_set(outcome, TELEMETRY_MISPLACED,
                                     "%s answers, but not in JSON: %s", api->shown_url, body);
    }
    g_autofree char *words = telemetry_api_words(api, reply);
    TelemetryResult result = result_of_reply(reply);
    bool is_misplaced = reply->status == 404 && result == TELEMETRY_MISPLACED;
    return telemetry_outcome_set(outcome, result, "%s%s", words,
                                 is_misplaced ? " (is the prefix of the URL right?)" : "");
}

static TelemetryResult
result_of_error(const GError *error)
{
    return g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED)
               ? TELEMETRY_TOO_LARGE
               : TELEMETRY_UNREACHABLE;
}

/* "Name: value" lines of a call; false when the credentials cannot be read. */
static bool
make_headers(const TelemetryApi *api, const TelemetryCall *call, GStrv *ret_headers, GError **error)
{
    const HttpAuth auth = {
        .token_file = api->token_file, .user = api->user, .password_file = api->password_file};
    char *authorization;
    if (!http_auth_line(&auth, &authorization, error))
        return false;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    if (authorization != NULL)
        g_strv_builder_add(builder, authorization);
    g_free(authorization);
    if (*api->tenant != '\0') {
        g_autofree char *line = g_strconcat("X-Scope-OrgID: ", api->tenant, NULL);
        g_strv_builder_add(builder, line);
    }
    if (call->form != NULL)
        g_strv_builder_add(builder, "Content-Type: application/x-www-form-urlencoded");
    else if (call->json != NULL)
        g_strv_builder_add(builder, "Content-Type: application/json");
    else if (call->octets != NULL)
        g_strv_builder_add(builder, call->octets_type != NULL
                                        ? call->octets_type
                                        : "Content-Type: application/octet-stream");
    if (call->headers == NULL)
        g_strv_builder_add(builder, "Accept: application/json");
    else
        g_strv_builder_addv(builder, (const char **)call->headers);
    if (api->headers != NULL)
        g_strv_builder_addv(builder, (const char **)api->headers);
    *ret_headers = g_strv_builder_end(builder);
    return true;
}

static GBytes *
make_body(const TelemetryCall *call)
{
    GBytes *body = call->json != NULL ? call->json : call->octets;
    if (body != NULL)
        return g_bytes_ref(body);
    return call->form != NULL ? g_bytes_new(call->form, strlen(call->form)) : NULL;
}

static bool
send(TelemetryApi *api, const TelemetryCall *call, GCancellable *cancel, HttpClientReply *ret_reply,
     GError **error)
{
    int64_t timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : TELEMETRY_TIMEOUT_MS;
    const HttpRetry retry = {.tries_max = TELEMETRY_TRIES,
                             .deadline_ms = timeout_ms,
                             .pause_min_ms = 1000,
                             .pause_max_ms = 3000};
    g_auto(GStrv) headers = NULL;
    g_autoptr(GBytes) body = make_body(call);
    g_autofree char *url = g_strconcat(api->url, call->path, call->query != NULL ? "?" : "",
                                       call->query != NULL ? call->query : "", NULL);
    if (!make_headers(api, call, &headers, error))
        return false;
    const HttpClientRequest request = {.method = call->method,
                                       .url = url,
                                       .headers = (const char *const *)headers,
                                       .body = body,
                                       .timeout_ms = timeout_ms,
                                       .connect_timeout_ms = TELEMETRY_CONNECT_MS,
                                       .reply_bytes_max = TELEMETRY_REPLY_BYTES_MAX,
                                       .cancel = cancel};
    return http_retry_send(api->client, &request, &retry, ret_reply, NULL, error);
}

bool
telemetry_api_call(TelemetryApi *api, const TelemetryCall *call, GCancellable *cancel,
                   GBytes **ret_body, TelemetryOutcome *ret_outcome)
{
    g_autoptr(GError) error = NULL;
    g_auto(HttpClientReply) reply = {0};
    *ret_body = NULL;
    *ret_outcome = (TelemetryOutcome){0};
    if (has_ended(api, ret_outcome))
        return false;
    if (!send(api, call, cancel, &reply, &error)) {
        (void)telemetry_outcome_set(ret_outcome, result_of_error(error), "%s", error->message);
    } else {
        note_clock(api, &reply);
        (void)judge(api, &reply, ret_body, ret_outcome);
    }
    remember(api, ret_outcome);
    return ret_outcome->result == TELEMETRY_OK;
}

bool
telemetry_api_send(TelemetryApi *api, const TelemetryCall *call, HttpClientReply *ret_reply,
                   GError **error)
{
    return send(api, call, NULL, ret_reply, error);
}

/* ---- Texts in queries. ---- */

char *
telemetry_quote(const char *text)
{
    GString *quoted = g_string_new("\"");
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_c(quoted, '\\');
        if (g_ascii_iscntrl(*at))
            g_string_append_printf(quoted, "\\x%02x", (unsigned)(unsigned char)*at);
        else
            g_string_append_c(quoted, *at);
    }
    return g_string_free(g_string_append_c(quoted, '"'), FALSE);
}

char *
telemetry_quote_any(const char *const *texts)
{
    g_autoptr(GString) expression = g_string_new(NULL);
    for (size_t i = 0; texts[i] != NULL; i++) {
        g_autofree char *escaped = g_regex_escape_string(texts[i], -1);
        g_string_append_printf(expression, "%s%s", i > 0 ? "|" : "", escaped);
    }
    return telemetry_quote(expression->str);
}
