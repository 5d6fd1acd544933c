#include "analyzers/notify/deliver.h"

#include "analyzers/notify/post.h"

/* More than two tries take, with room for how long a run may look before it sends. */
enum { CLAIM_S = 10 * 60 };

/* Whether a change is news to the receiver. */
static bool
is_news(const Change *change, const DeliverOptions *options)
{
    return change->severity >= options->receiver->severity_min &&
           (change->type != CHANGE_FOLDED || options->receiver->form == MESSAGE_ALERTMANAGER);
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
    return others->len == 0 || state_drop(state, options->receiver->name, others, error);
}

/* Whether an open incident is for the receiver, and if wanted not held back by quiet hours. */
static bool
hears(const Change *change, const DeliverOptions *options, bool is_now)
{
    const Routing *routing = options->routing;
    g_autoptr(GPtrArray) receivers = g_ptr_array_new();
    const Incident incident = state_incident(change, options->snapshot);
    routing->find(routing->data, &incident, receivers);
    return g_ptr_array_find_with_equal_func(receivers, options->receiver->name, g_str_equal,
                                            NULL) &&
           (!is_now || routing->due(routing->data, &incident, options->receiver->name,
                                    options->now_s) <= options->now_s);
}

/* What goes into the message for these changes, to be freed as a list: Alertmanager gets, besides
 * the ends, all that is open, which *ret_open then owns. NULL with *error. */
static GPtrArray *
list_content(State *state, const DeliverOptions *options, const GPtrArray *changes,
             GPtrArray **ret_open, GError **error)
{
    bool wants_open = options->receiver->form == MESSAGE_ALERTMANAGER;
    g_autoptr(GPtrArray) content = g_ptr_array_new();
    for (guint i = 0; i < changes->len; i++) {
        Change *change = changes->pdata[i];
        if (is_news(change, options) && (!wants_open || change->type >= CHANGE_RESOLVED))
            g_ptr_array_add(content, change);
    }
    if (wants_open && (*ret_open = state_list_open(state, error)) == NULL)
        return NULL;
    for (guint i = 0; wants_open && i < (*ret_open)->len; i++) {
        if (is_news((*ret_open)->pdata[i], options) && hears((*ret_open)->pdata[i], options, true))
            g_ptr_array_add(content, (*ret_open)->pdata[i]);
    }
    return g_steal_pointer(&content);
}

static bool
fill_context(State *state, const DeliverOptions *options, MessageContext *ret_context,
             GError **error)
{
    *ret_context = (MessageContext){.cluster = options->cluster,
                                    .now_s = options->now_s,
                                    .findings_url = options->findings_url,
                                    .findings_tenant = options->findings_tenant};
    return state_count_open(state, &ret_context->n_open, error);
}

/* Sends, and once more as plain text when the receiver does not understand the message. */
static bool
send_content(State *state, HttpClient *client, const DeliverOptions *options,
             const GPtrArray *content, const MessageContext *context, PostResult *ret_posted,
             GError **error)
{
    const Receiver *receiver = options->receiver;
    const MessageForm attempts[] = {receiver->form, MESSAGE_PLAIN};
    size_t n = receiver->form == MESSAGE_SLACK ? G_N_ELEMENTS(attempts) : 1;
    *ret_posted = (PostResult){.is_about_shape = true};
    for (size_t i = 0; i < n && ret_posted->is_about_shape; i++) {
        g_autoptr(GBytes) body = message_new(attempts[i], content, context);
        g_free(ret_posted->why);
        *ret_posted = post_message(client, receiver, body);
        if (!state_answered(state, receiver->name, ret_posted->status_class, error))
            return false;
    }
    return true;
}

/* Sends, and records what has become of the changes. */
static bool
send_and_record(State *state, HttpClient *client, const DeliverOptions *options,
                const GPtrArray *changes, const GPtrArray *content, const MessageContext *context,
                DeliverResult *ret_result, char **ret_why, GError **error)
{
    const char *name = options->receiver->name;
    PostResult posted;
    bool ok = send_content(state, client, options, content, context, &posted, error);
    *ret_result = posted.result;
    *ret_why = posted.why;
    if (!ok)
        return false;
    return posted.result == DELIVER_DONE ? state_delivered(state, name, changes, error)
                                         : state_release(state, name, changes, options->now_s,
                                                         options->now_s + posted.after_s, error);
}

bool
deliver(State *state, HttpClient *client, const DeliverOptions *options, DeliverResult *ret_result,
        char **ret_why, GError **error)
{
    const char *name = options->receiver->name;
    MessageContext context;
    StateReceiver health;
    *ret_result = DELIVER_NOTHING;
    *ret_why = NULL;
    if (!state_receiver(state, name, &health, error))
        return false;
    if (health.retry_s > options->now_s)
        return true;
    g_autoptr(GPtrArray) open = NULL, content = NULL;
    g_autoptr(GPtrArray) changes =
        state_claim(state, name, options->now_s, options->now_s + CLAIM_S, error);
    if (changes == NULL || !fill_context(state, options, &context, error) ||
        !drop_others(state, changes, options, error) ||
        (content = list_content(state, options, changes, &open, error)) == NULL)
        return false;
    if (content->len == 0) /* what has ended without a word may be left */
        return changes->len == 0 || state_drop(state, name, changes, error);
    return send_and_record(state, client, options, changes, content, &context, ret_result, ret_why,
                           error);
}

static bool
send_daily(State *state, HttpClient *client, const DeliverOptions *options,
           DeliverResult *ret_result, char **ret_why, GError **error)
{
    MessageContext context;
    g_autoptr(GPtrArray) none = g_ptr_array_new(), content = g_ptr_array_new();
    g_autoptr(GPtrArray) open = state_list_open(state, error);
    if (open == NULL || !fill_context(state, options, &context, error))
        return false;
    context.is_daily = true;
    for (guint i = 0; i < open->len; i++) {
        if (hears(open->pdata[i], options, false))
            g_ptr_array_add(content, open->pdata[i]);
    }
    return send_and_record(state, client, options, none, content, &context, ret_result, ret_why,
                           error);
}

bool
deliver_daily(State *state, HttpClient *client, const DeliverOptions *options, int64_t former_s,
              DeliverResult *ret_result, char **ret_why, GError **error)
{
    const char *name = options->receiver->name;
    bool is_noted;
    *ret_result = DELIVER_NOTHING;
    *ret_why = NULL;
    if (!state_note_daily(state, name, former_s, options->now_s, &is_noted, error))
        return false;
    if (!is_noted)
        return true;
    return send_daily(state, client, options, ret_result, ret_why, error) &&
           (*ret_result == DELIVER_DONE ||
            state_note_daily(state, name, options->now_s, former_s, &is_noted, error));
}

GBytes *
deliver_preview(State *state, const DeliverOptions *options, GError **error)
{
    MessageContext context;
    g_autoptr(GPtrArray) changes =
        state_outbox(state, options->receiver->name, options->now_s, error),
                         open = NULL;
    if (changes == NULL || !fill_context(state, options, &context, error))
        return NULL;
    g_autoptr(GPtrArray) content = list_content(state, options, changes, &open, error);
    return content != NULL && content->len > 0
               ? message_new(options->receiver->form, content, &context)
               : NULL;
}
