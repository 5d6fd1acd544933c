#include <jansson.h>
#include <string.h>

#include "agent/export/push_call.h"
#include "lib/base/text.h"
#include "lib/net/retry.h"

enum {
    WHY_MAX = 240,
    /* A server that asks for a longer pause is asked again all the same. */
    RETRY_AFTER_MAX_MS = 60 * 60 * 1000,
};

/* Codes of https://connectrpc.com/docs/protocol/#error-codes that may pass. */
static const char *const retryable_codes[] = {
    "unknown", "internal", "unavailable", "deadline_exceeded", "aborted", "data_loss", NULL};

void
push_outcome_clear(PushOutcome *outcome)
{
    g_clear_pointer(&outcome->why, g_free);
}

/* The text of a Connect error: its code and message, each "" when there is none; a body of another
 * kind is the message. */
static void
read_error(GBytes *body, char **ret_code, char **ret_message)
{
    gsize size;
    const char *bytes = g_bytes_get_data(body, &size);
    json_t *root = size > 0 ? json_loadb(bytes, size, 0, NULL) : NULL;
    const char *code = json_string_value(json_object_get(root, "code"));
    const char *message = json_string_value(json_object_get(root, "message"));
    *ret_code = g_strdup(code != NULL ? code : "");
    *ret_message = message != NULL ? g_strdup(message) : g_strndup(size > 0 ? bytes : "", size);
    json_decref(root);
}

/* A number behind the text at *at, which moves behind both; false when there is none. */
static bool
skip_number(const char **at, const char *text, guint64 *ret_number)
{
    const char *digits = strstr(*at, text);
    if (digits == NULL)
        return false;
    digits += strlen(text);
    char *end;
    *ret_number = g_ascii_strtoull(digits, &end, 10);
    *at = end;
    return end != digits;
}

/* How many series of a push were wrong: servers store the others and list these, "push series with
 * index 3 and id … failed: …; push series …; and 7 more". 0 when nothing is listed. */
static guint
count_listed(const char *message, guint n)
{
    g_autoptr(GHashTable) listed = g_hash_table_new(NULL, NULL);
    guint64 number;
    for (const char *at = message; skip_number(&at, "push series with index ", &number);)
        if (number < n)
            g_hash_table_add(listed, GSIZE_TO_POINTER(number));
    guint count = g_hash_table_size(listed);
    const char *last = count > 0 ? g_strrstr(message, "; and ") : NULL;
    if (last != NULL && g_str_has_suffix(last, " more") && skip_number(&last, "; and ", &number))
        count += (guint)MIN(number, n);
    return MIN(count, n);
}

static DropReason
reason_of(int status)
{
    switch (status) {
    case 400:
    case 422:
        return DROP_INVALID;
    case 401:
    case 403:
        return DROP_UNAUTHORIZED;
    case 413:
        return DROP_TOO_LARGE;
    case 429:
        return DROP_RATE_LIMITED;
    default:
        return DROP_REFUSED;
    }
}

static void
refuse(const char *message, int status, guint n, PushOutcome *outcome)
{
    guint n_listed = count_listed(message, n);
    bool is_partial = n_listed > 0 && n_listed < n;
    outcome->result = is_partial ? PUSH_DONE : PUSH_REFUSED;
    outcome->n_refused = is_partial ? n_listed : n;
    outcome->reason = reason_of(status);
}

void
push_outcome_of(const Endpoint *endpoint, int status, GBytes *body, int64_t retry_after_ms, guint n,
                PushOutcome *ret_outcome)
{
    g_autofree char *code = NULL, *message = NULL;
    *ret_outcome = (PushOutcome){.result = PUSH_DONE};
    if (status / 100 == 2)
        return;
    read_error(body, &code, &message);
    g_autofree char *line = printable_line(message, strlen(message), WHY_MAX);
    ret_outcome->why = g_strdup_printf("%d %s", status, line);
    if (status == 413 && n > 1) {
        ret_outcome->result = PUSH_SPLIT;
        return;
    }
    bool is_limited = status == 429 && endpoint->retries_on_429;
    bool is_away = (status != 429 && http_status_is_retryable(status)) ||
                   (status / 100 != 2 && g_strv_contains(retryable_codes, code));
    if (!is_limited && !is_away) {
        refuse(message, status, n, ret_outcome);
        return;
    }
    ret_outcome->result = is_limited ? PUSH_RETRY_LATER : PUSH_RETRY;
    ret_outcome->retry_after_ms = MIN(retry_after_ms, RETRY_AFTER_MAX_MS);
}
