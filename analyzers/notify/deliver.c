#include "analyzers/notify/deliver.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/k8s/answer.h"
#include "lib/net/retry.h"

enum {
    TIMEOUT_MS = 20 * 1000,
    REPLY_BYTES_MAX = 64 * 1024,
    LATER_S = 60, /* the next run tries again */
    /* More than two tries take, with room for how long a run may look before it sends. */
    CLAIM_S = 10 * 60,
    REFUSED_S = 30 * 60,
    RETRY_AFTER_MAX_S = 60 * 60,
};

/* What Slack says of a message that it does not understand: plain text may still go through. */
static const char *const shape_errors[] = {"invalid_blocks", "invalid_payload",
                                           "msg_blocks_too_long", "invalid_attachments",
                                           "too_many_attachments"};

/* Whether a change is news to the receiver. */
static bool
is_news(const Change *change, const DeliverOptions *options)
{
    return change->severity >= options->severity_min &&
           (change->type != CHANGE_FOLDED || options->form == MESSAGE_ALERTMANAGER);
}

/* Takes what is no news out of the list and the outbox. */
static bool
drop_others(State *state, GPtrArray *changes, const DeliverOptions *options, GError **error)
{
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
    for (guint i = changes->len; i > 0; i--) {
        if (!is_news(changes->pdata[i - 1], options))
            g_ptr_array_add(others, g_ptr_array_steal_index(changes, i - 1));
    }
    return others->len == 0 || state_drop(state, others, error);
}

/* What goes into the message for these changes, to be freed as a list: Alertmanager gets, besides
 * the ends, all that is open, which *ret_open then owns. NULL with *error. */
static GPtrArray *
list_content(State *state, const DeliverOptions *options, const GPtrArray *changes,
             GPtrArray **ret_open, GError **error)
{
    bool wants_open = options->form == MESSAGE_ALERTMANAGER;
    g_autoptr(GPtrArray) content = g_ptr_array_new();
    for (guint i = 0; i < changes->len; i++) {
        Change *change = changes->pdata[i];
        if (is_news(change, options) && (!wants_open || change->type >= CHANGE_RESOLVED))
            g_ptr_array_add(content, change);
    }
    if (wants_open && (*ret_open = state_list_open(state, error)) == NULL)
        return NULL;
    for (guint i = 0; wants_open && i < (*ret_open)->len; i++) {
        if (is_news((*ret_open)->pdata[i], options))
            g_ptr_array_add(content, (*ret_open)->pdata[i]);
    }
    return g_steal_pointer(&content);
}

static bool
fill_context(State *state, const DeliverOptions *options, MessageContext *ret_context,
             GError **error)
{
    *ret_context = (MessageContext){.cluster = options->cluster, .now_s = options->now_s};
    return state_count_open(state, &ret_context->n_open, error);
}

static bool
send(HttpClient *client, const char *url, GBytes *body, HttpClientReply *ret_reply, GError **error)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    const HttpClientRequest request = {.url = url,
                                       .headers = headers,
                                       .body = body,
                                       .timeout_ms = TIMEOUT_MS,
                                       .reply_bytes_max = REPLY_BYTES_MAX};
    return http_client_send(client, &request, ret_reply, error);
}

/* Whether a text has the secret of the URL: its path, or a value of its query. */
static bool
has_secret(const char *text, const char *url)
{
    enum { VALUE_MIN = 8 }; /* shorter ones stand in many a text */
    g_autofree char *path = NULL, *query = NULL;
    if (!g_uri_split(url, G_URI_FLAGS_ENCODED, NULL, NULL, NULL, NULL, &path, &query, NULL, NULL))
        return true;
    if (strlen(path) > 1 && strstr(text, path) != NULL)
        return true;
    g_auto(GStrv) values = g_strsplit_set(query != NULL ? query : "", "&=", -1);
    for (guint i = 0; values[i] != NULL; i++) {
        if (strlen(values[i]) >= VALUE_MIN && strstr(text, values[i]) != NULL)
            return true;
    }
    return false;
}

/* An answer in one line, for people; its status alone when it repeats the secret of the URL. */
static char *
reply_text(const HttpClientReply *reply, const char *url)
{
    enum { TEXT_MAX = 200 };
    gsize size;
    const char *data = g_bytes_get_data(reply->body, &size);
    g_autofree char *whole = printable_line(data, size, REPLY_BYTES_MAX);
    if (*whole == '\0' || has_secret(whole, url))
        return g_strdup_printf("%d", reply->status);
    g_autofree char *line = printable_line(whole, strlen(whole), TEXT_MAX);
    return g_strdup_printf("%d %s", reply->status, line);
}

static bool
is_about_shape(const HttpClientReply *reply)
{
    gsize size;
    const char *data = g_bytes_get_data(reply->body, &size);
    for (size_t i = 0; data != NULL && i < G_N_ELEMENTS(shape_errors); i++) {
        if (reply->status == 400 && g_strstr_len(data, (gssize)size, shape_errors[i]) != NULL)
            return true;
    }
    return false;
}

/* What an answer means, and after how long to try again. */
static DeliverResult
judge(const HttpClientReply *reply, int64_t *ret_after_s)
{
    *ret_after_s = LATER_S;
    if (reply->status >= 200 && reply->status < 300)
        return DELIVER_DONE;
    if (http_status_is_retryable(reply->status)) {
        if (reply->retry_after_ms > 0)
            *ret_after_s = MIN(reply->retry_after_ms / 1000 + 1, RETRY_AFTER_MAX_S);
        return DELIVER_LATER;
    }
    *ret_after_s = REFUSED_S;
    return DELIVER_REFUSED;
}

/* Sends, and once more as plain text when the receiver does not understand the message. */
static DeliverResult
send_changes(HttpClient *client, const DeliverOptions *options, const GPtrArray *changes,
             const MessageContext *context, int64_t *ret_after_s, char **ret_why)
{
    const MessageForm attempts[] = {options->form, MESSAGE_PLAIN};
    size_t n = options->form == MESSAGE_SLACK ? G_N_ELEMENTS(attempts) : 1;
    DeliverResult result = DELIVER_LATER;
    *ret_after_s = LATER_S;
    for (size_t i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) body = message_new(attempts[i], changes, context);
        g_auto(HttpClientReply) reply = {0};
        g_clear_pointer(ret_why, g_free);
        if (!send(client, options->url, body, &reply, &error)) {
            *ret_why = g_strdup(error->message);
            bool may_retry = http_error_is_retryable(error);
            *ret_after_s = may_retry ? LATER_S : REFUSED_S;
            return may_retry ? DELIVER_LATER : DELIVER_REFUSED;
        }
        result = judge(&reply, ret_after_s);
        if (result != DELIVER_DONE)
            *ret_why = reply_text(&reply, options->url);
        if (!is_about_shape(&reply))
            break;
    }
    return result;
}

bool
deliver(State *state, HttpClient *client, const DeliverOptions *options, DeliverResult *ret_result,
        char **ret_why, GError **error)
{
    MessageContext context;
    int64_t after_s;
    *ret_result = DELIVER_NOTHING;
    *ret_why = NULL;
    g_autoptr(GPtrArray) open = NULL, content = NULL;
    g_autoptr(GPtrArray) changes =
        state_claim(state, options->now_s, options->now_s + CLAIM_S, error);
    if (changes == NULL || !fill_context(state, options, &context, error) ||
        !drop_others(state, changes, options, error) ||
        (content = list_content(state, options, changes, &open, error)) == NULL)
        return false;
    if (content->len == 0) /* what has ended without a word may be left */
        return changes->len == 0 || state_drop(state, changes, error);
    *ret_result = send_changes(client, options, content, &context, &after_s, ret_why);
    return *ret_result == DELIVER_DONE
               ? state_delivered(state, changes, error)
               : state_postpone(state, changes, options->now_s + after_s, error);
}

GBytes *
deliver_preview(State *state, const DeliverOptions *options, GError **error)
{
    MessageContext context;
    g_autoptr(GPtrArray) changes = state_outbox(state, options->now_s, error), open = NULL;
    if (changes == NULL || !fill_context(state, options, &context, error))
        return NULL;
    g_autoptr(GPtrArray) content = list_content(state, options, changes, &open, error);
    return content != NULL && content->len > 0 ? message_new(options->form, content, &context)
                                               : NULL;
}
