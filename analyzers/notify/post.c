#include "analyzers/notify/post.h"

#include <string.h>

#include "lib/base/text.h"
#include "lib/k8s/value.h"
#include "lib/net/retry.h"

enum {
    TIMEOUT_MS = 20 * 1000,
    REPLY_BYTES_MAX = 64 * 1024,
    LATER_S = 60, /* the next run tries again */
    REFUSED_S = 30 * 60,
    RETRY_AFTER_MAX_S = 60 * 60,
};

/* What Slack says of a message that it does not understand: plain text may still go through. */
static const char *const shape_errors[] = {"invalid_blocks", "invalid_payload",
                                           "msg_blocks_too_long", "invalid_attachments",
                                           "too_many_attachments"};

static bool
send(HttpClient *client, const Receiver *receiver, GBytes *body, HttpClientReply *ret_reply,
     GError **error)
{
    g_autoptr(GPtrArray) headers = g_ptr_array_new();
    g_ptr_array_add(headers, (gpointer) "Content-Type: application/json");
    for (size_t i = 0; receiver->headers != NULL && receiver->headers[i] != NULL; i++)
        g_ptr_array_add(headers, receiver->headers[i]);
    g_ptr_array_add(headers, NULL);
    const HttpClientRequest request = {.url = receiver->url,
                                       .headers = (const char *const *)headers->pdata,
                                       .body = body,
                                       .timeout_ms = TIMEOUT_MS,
                                       .reply_bytes_max = REPLY_BYTES_MAX};
    return http_client_send(client, &request, ret_reply, error);
}

enum { SECRET_MIN = 8 }; /* shorter values stand in many a text */

/* Whether a text has one of the words between the delimiters. */
static bool
has_word(const char *text, const char *words, const char *delimiters)
{
    g_auto(GStrv) values = g_strsplit_set(words, delimiters, -1);
    for (guint i = 0; values[i] != NULL; i++) {
        if (strlen(values[i]) >= SECRET_MIN && strstr(text, values[i]) != NULL)
            return true;
    }
    return false;
}

/* Whether a text has a secret of the receiver: the path of its URL or a part of it, its user or
 * password, a value of the URL's query, or a word of a header. */
static bool
has_secret(const char *text, const Receiver *receiver)
{
    g_autofree char *user = NULL, *path = NULL, *query = NULL;
    if (!g_uri_split(receiver->url, G_URI_FLAGS_ENCODED, NULL, &user, NULL, NULL, &path, &query,
                     NULL, NULL))
        return true;
    if (strlen(path) > 1 && strstr(text, path) != NULL)
        return true;
    g_autofree char *headers =
        receiver->headers != NULL ? g_strjoinv(" ", receiver->headers) : g_strdup("");
    return has_word(text, path, "/") || (user != NULL && has_word(text, user, ":")) ||
           (query != NULL && has_word(text, query, "&=")) || has_word(text, headers, "&= ");
}

static bool
is_success(const HttpClientReply *reply)
{
    return reply->status >= 200 && reply->status < 300;
}

/* An answer in one line, for people; its status alone when it repeats a secret. */
static char *
reply_text(const HttpClientReply *reply, const Receiver *receiver)
{
    enum { TEXT_MAX = 200 };
    gsize size;
    const char *data = g_bytes_get_data(reply->body, &size);
    const char *not_taken =
        is_success(reply) ? ", which does not say that the message is there:" : "";
    g_autofree char *whole = printable_line(data, size, REPLY_BYTES_MAX);
    if (*whole == '\0' && is_success(reply))
        return g_strdup_printf("%d%s the answer is empty", reply->status, not_taken);
    if (*whole == '\0' || has_secret(whole, receiver))
        return g_strdup_printf("%d", reply->status);
    g_autofree char *line = printable_line(whole, strlen(whole), TEXT_MAX);
    return g_strdup_printf("%d%s %s", reply->status, not_taken, line);
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

/* The answer as a text, without white space around it; free with g_free. */
static char *
reply_body(const HttpClientReply *reply)
{
    gsize size;
    const char *data = g_bytes_get_data(reply->body, &size);
    return g_strstrip(g_strndup(data != NULL ? data : "", size));
}

/* Whether an answer says that the receiver has the message: a proxy, or a network that wants a
 * login, says 200 to everything. Slack answers `ok` (docs.slack.dev/messaging, "Sending messages
 * using incoming webhooks"); Discord 204, or the message with ?wait=true; a workflow of Teams 202,
 * a connector of the kind before it 200 whatever came of it. */
static bool
is_taken(MessageForm form, const HttpClientReply *reply)
{
    g_autofree char *body = reply_body(reply);
    switch (form) {
    case MESSAGE_SLACK:
    case MESSAGE_PLAIN:
        return reply->status == 200 && strcmp(body, "ok") == 0;
    case MESSAGE_DISCORD:
        return reply->status == 204 || (reply->status == 200 && body[0] == '{');
    case MESSAGE_TEAMS:
        return (reply->status == 200 || reply->status == 202) && body[0] != '<' &&
               !g_str_has_prefix(body, "Webhook message delivery failed");
    default:
        return is_success(reply) && body[0] != '<';
    }
}

/* The seconds that the JSON of Discord names; 0: none. */
static double
body_retry_s(const HttpClientReply *reply)
{
    enum { TREE_BYTES_MAX = 1024 * 1024 };
    gsize size;
    const char *data = g_bytes_get_data(reply->body, &size);
    g_autoptr(Arena) arena = arena_new(TREE_BYTES_MAX);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    value_reader_begin(reader, VALUE_JSON);
    const Value *map = size > 0 && value_reader_feed(reader, data, size, NULL)
                           ? value_reader_end(reader, NULL)
                           : NULL;
    return g_ascii_strtod(value_text(map, "retry_after"), NULL);
}

/* After how long to try again what could not be taken now. */
static int64_t
later_s(const HttpClientReply *reply)
{
    double seconds =
        reply->retry_after_ms > 0 ? (double)reply->retry_after_ms / 1000 : body_retry_s(reply);
    if (!(seconds > 0))
        return LATER_S;
    return (int64_t)MIN(seconds + 1, RETRY_AFTER_MAX_S);
}

/* What an answer means, and after how long to try again. */
static DeliverResult
judge(MessageForm form, const HttpClientReply *reply, int64_t *ret_after_s)
{
    *ret_after_s = 0;
    if (is_taken(form, reply))
        return DELIVER_DONE;
    bool may_retry = http_status_is_retryable(reply->status);
    *ret_after_s = may_retry ? later_s(reply) : REFUSED_S;
    return may_retry ? DELIVER_LATER : DELIVER_REFUSED;
}

/* The classes that answers are counted by; "none" is no answer. */
static const char *
status_class(int status)
{
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    if (status == 429)
        return "429";
    return status >= 100 && status < 600 ? classes[status / 100 - 1] : "none";
}

PostResult
post_message(HttpClient *client, const Receiver *receiver, GBytes *body)
{
    g_autoptr(GError) error = NULL;
    g_auto(HttpClientReply) reply = {0};
    PostResult result = {.result = DELIVER_DONE, .status_class = status_class(0)};
    if (!send(client, receiver, body, &reply, &error)) {
        bool may_retry = http_error_is_retryable(error);
        result.why = g_strdup(error->message);
        result.after_s = may_retry ? LATER_S : REFUSED_S;
        result.result = may_retry ? DELIVER_LATER : DELIVER_REFUSED;
        return result;
    }
    result.result = judge(receiver->form, &reply, &result.after_s);
    if (result.result != DELIVER_DONE)
        result.why = reply_text(&reply, receiver);
    result.is_about_shape = is_about_shape(&reply);
    result.status_class = status_class(reply.status);
    return result;
}
