#include "analyzers/tell.h"

#include <stdio.h>

#include "lib/base/error.h"

enum { FAILURES_MAX = 2, HEARTBEAT_TIMEOUT_MS = 10 * 1000 };

static DeliverOptions
deliver_options(const TellContext *context, const Routing *routing, const Receiver *receiver)
{
    return (DeliverOptions){.receiver = receiver,
                            .routing = routing,
                            .snapshot = context->snapshot,
                            .cluster = context->config->cluster,
                            .findings_url = context->findings_url,
                            .findings_tenant = context->findings_tenant,
                            .now_s = context->now_s};
}

/* Whether the time of the daily message has come since the last one. The first run only begins to
 * count. */
static bool
is_daily_due(State *state, const TellContext *context, const Receiver *receiver, bool *ret_is_due,
             int64_t *ret_former_s, GError **error)
{
    const NotifyConfig *config = context->config;
    StateReceiver health;
    bool is_noted;
    *ret_is_due = false;
    *ret_former_s = 0;
    if (config->daily_min < 0 || receiver->form == MESSAGE_ALERTMANAGER ||
        !g_strv_contains((const char *const *)config->daily_receivers, receiver->name))
        return true;
    if (!state_receiver(state, receiver->name, &health, error))
        return false;
    if (health.daily_s == 0)
        return state_note_daily(state, receiver->name, 0, context->now_s, &is_noted, error);
    *ret_former_s = health.daily_s;
    *ret_is_due =
        health.retry_s <= context->now_s &&
        clock_last(config->daily_zone, config->daily_min, context->now_s) > health.daily_s;
    return true;
}

/* What is wrong with a receiver, to be freed; NULL: nothing. */
static char *
trouble_text(const TellContext *context, const Receiver *receiver, const StateReceiver *health,
             const char *why)
{
    if (health->failures < FAILURES_MAX ||
        (health->n_waiting == 0 && health->retry_s <= context->now_s))
        return NULL;
    g_autofree char *span = span_text(context->now_s - health->since_s);
    return g_strdup_printf("slack-delivery-failing: receiver %s has failed %" G_GINT64_FORMAT
                           " times in %s, %" G_GINT64_FORMAT " %s%s%s",
                           receiver->name, health->failures, span, health->n_waiting,
                           health->n_waiting == 1 ? "change waits" : "changes wait",
                           why != NULL ? ": " : "", why != NULL ? why : "");
}

/* Whoever looks at the CronJob sees it too. That it could not be said there is only said. */
static void
send_event(const TellContext *context, const Receiver *receiver, const StateReceiver *health,
           const char *text)
{
    g_autoptr(GError) error = NULL;
    const Failure failure = {receiver->name, text, health->since_s, context->now_s};
    if (context->failure_event != NULL && context->client != NULL &&
        !failure_event_send(context->failure_event, context->client, context->snapshot, &failure,
                            &error))
        (void)fprintf(stderr, "cresset-analyzer: --failure-event: %s\n", error->message);
}

/* Says what went wrong; whether a person should look: also before the next try, and without a
 * change that waits, as of who gets all that is open each time. */
static bool
report(State *state, const TellContext *context, const Receiver *receiver, DeliverResult result,
       const char *why, bool *ret_is_bad, GError **error)
{
    StateReceiver health;
    if (!state_receiver(state, receiver->name, &health, error))
        return false;
    const char *becomes = result == DELIVER_LATER     ? "could not be reached, the message waits"
                          : result == DELIVER_REFUSED ? "does not take the message, which is kept"
                                                      : NULL;
    g_autofree char *said =
        becomes != NULL ? g_strdup_printf("receiver %s %s: %s", receiver->name, becomes, why)
                        : NULL;
    g_autofree char *trouble = trouble_text(context, receiver, &health, why);
    if (said != NULL)
        (void)fprintf(stderr, "cresset-analyzer: %s\n", said);
    if (trouble != NULL)
        (void)fprintf(stderr, "cresset-analyzer: %s\n", trouble);
    *ret_is_bad = result == DELIVER_REFUSED || trouble != NULL;
    if (*ret_is_bad && said != NULL)
        send_event(context, receiver, &health, trouble != NULL ? trouble : said);
    return true;
}

static bool
tell_one(State *state, HttpClient *client, const TellContext *context, const Receiver *receiver,
         bool *ret_is_bad, GError **error)
{
    const Routing routing = notify_config_routing(context->config);
    const DeliverOptions options = deliver_options(context, &routing, receiver);
    DeliverResult result;
    g_autofree char *why = NULL;
    bool is_daily;
    int64_t former_s;
    if (!deliver(state, client, &options, &result, &why, error) ||
        !is_daily_due(state, context, receiver, &is_daily, &former_s, error))
        return false;
    if (is_daily && result <= DELIVER_DONE) {
        g_clear_pointer(&why, g_free);
        if (!deliver_daily(state, client, &options, former_s, &result, &why, error))
            return false;
    }
    return report(state, context, receiver, result, why, ret_is_bad, error);
}

/* A service that watches for it notices when it stays away; that it cannot be reached is only
 * said. */
static void
beat(HttpClient *client, const char *url)
{
    g_autoptr(GError) error = NULL;
    g_auto(HttpClientReply) reply = {0};
    const HttpClientRequest request = {.url = url, .timeout_ms = HEARTBEAT_TIMEOUT_MS};
    if (!http_client_send(client, &request, &reply, &error))
        (void)fprintf(stderr, "cresset-analyzer: heartbeat_url: %s\n", error->message);
    else if (reply.status < 200 || reply.status >= 300)
        (void)fprintf(stderr, "cresset-analyzer: heartbeat_url: the answer is %d\n", reply.status);
}

bool
tell_all(State *state, const TellContext *context, GError **error)
{
    const HttpClientConfig config = {.user_agent = "cresset-analyzer"};
    g_autoptr(HttpClient) client = http_client_new(&config);
    const GPtrArray *receivers = context->config->receivers;
    guint n_bad = 0;
    for (guint i = 0; i < receivers->len; i++) {
        bool is_bad = false;
        if (!tell_one(state, client, context, receivers->pdata[i], &is_bad, error))
            return false;
        n_bad += is_bad;
    }
    if (n_bad > 0)
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                         "%u of %u receivers do not get their messages", n_bad, receivers->len);
    if (context->config->heartbeat_url != NULL)
        beat(client, context->config->heartbeat_url);
    return true;
}

bool
tell_preview(State *state, const TellContext *context, GError **error)
{
    const Routing routing = notify_config_routing(context->config);
    bool is_any = false;
    for (guint i = 0; i < context->config->receivers->len; i++) {
        GError *failed = NULL;
        const DeliverOptions options =
            deliver_options(context, &routing, context->config->receivers->pdata[i]);
        g_autoptr(GBytes) message = deliver_preview(state, &options, &failed);
        if (failed != NULL) {
            g_propagate_error(error, failed);
            return false;
        }
        if (message == NULL)
            continue;
        is_any = true;
        (void)printf("%.*s\n", (int)g_bytes_get_size(message),
                     (const char *)g_bytes_get_data(message, NULL));
    }
    if (!is_any)
        (void)fputs("cresset-analyzer: there is nothing to tell\n", stderr);
    return true;
}
