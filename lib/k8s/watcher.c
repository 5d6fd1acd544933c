#include "lib/k8s/watcher.h"

#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/k8s/event_stream.h"
#include "lib/net/retry.h"

enum {
    TIMEOUT_MIN_S = 300, /* with the spread what client-go asks for */
    TIMEOUT_SPREAD_S = 300,
    SILENCE_DEFAULT_MS = 180 * 1000,
    PAUSE_MIN_DEFAULT_MS = 1000,
    PAUSE_MAX_DEFAULT_MS = 60 * 1000,
    PAUSE_SPREAD_PERCENT = 50,
    POLL_SPREAD_PERCENT = 10,
    RETRY_AFTER_MAX_MS = 10 * 60 * 1000,
    SHORT_US = G_USEC_PER_SEC, /* a watch that ends sooner is followed by a pause */
    EXPIRED_IN_A_ROW = 3,      /* one is normal after a pause of the network, more are trouble */
};
/* Of one page of a list as a tree, and of its text: a node has hundreds of pods. */
static const size_t LIST_BYTES_MAX = (size_t)256 * 1024 * 1024;

struct K8sWatcher {
    K8sClient *client;
    K8sWatcherConfig config;
    char *path, *query;
    GCancellable *cancel;
    GThread *thread;
    /* Of the thread. */
    char *resource_version; /* where the watch goes on; NULL: list first */
    bool is_behind;         /* the list shall not come from a cache */
    unsigned failures;      /* in a row */
    GMutex lock;            /* guards what follows */
    K8sWatcherState state;
};

/* One watch. */
typedef struct {
    K8sWatcher *watcher;
    EventStream *stream;
    bool is_open, is_malformed, has_events;
    int error_code; /* of an ERROR event; 0: none came */
    int64_t retry_after_ms;
    int64_t start_us;
} Session;

static const char *const LABELS[] = {
#define X(name, label, text) [name] = (label),
    K8S_WATCH_ENDS(X)
#undef X
};

static const char *const TEXTS[] = {
#define X(name, label, text) [name] = (text),
    K8S_WATCH_ENDS(X)
#undef X
};

const char *
k8s_watch_end_label(K8sWatchEnd end)
{
    return LABELS[end];
}

const char *
k8s_watch_end_text(K8sWatchEnd end)
{
    return TEXTS[end];
}

/* --- state ------------------------------------------------------------------------------------ */

static void
set_trouble(K8sWatcher *watcher, K8sWatchEnd trouble, const char *message)
{
    g_mutex_lock(&watcher->lock);
    watcher->state.trouble = trouble;
    g_free(watcher->state.message);
    watcher->state.message = g_strdup(message);
    g_mutex_unlock(&watcher->lock);
}

static void
count(K8sWatcher *watcher, uint64_t *counter)
{
    g_mutex_lock(&watcher->lock);
    ++*counter;
    g_mutex_unlock(&watcher->lock);
}

/* All is well: what came shows that the server goes on telling. */
static void
note_progress(K8sWatcher *watcher)
{
    watcher->failures = 0;
    watcher->is_behind = false;
    set_trouble(watcher, K8S_WATCH_DUE, "");
}

static void
note_failure(K8sWatcher *watcher, K8sWatchEnd end, const char *message)
{
    watcher->failures++;
    if (end != K8S_WATCH_EXPIRED || watcher->failures >= EXPIRED_IN_A_ROW)
        set_trouble(watcher, end, message);
}

static void
pause_after_failure(K8sWatcher *watcher, int64_t retry_after_ms)
{
    const K8sWatcherConfig *config = &watcher->config;
    int64_t max_ms = config->pause_max_ms > 0 ? config->pause_max_ms : PAUSE_MAX_DEFAULT_MS;
    int64_t min_ms = config->pause_min_ms > 0 ? config->pause_min_ms : PAUSE_MIN_DEFAULT_MS;
    const HttpRetry retry = {
        .pause_min_ms = MIN(min_ms, max_ms),
        .pause_max_ms = max_ms,
        .spread_percent = PAUSE_SPREAD_PERCENT,
    };
    int64_t asked_ms = MIN(retry_after_ms, RETRY_AFTER_MAX_MS);
    (void)http_retry_wait(http_retry_pause_ms(&retry, watcher->failures, asked_ms),
                          watcher->cancel);
}

/* --- why something ended ---------------------------------------------------------------------- */

static K8sWatchEnd
end_of_status(int status)
{
    switch (status) {
    case 401:
        return K8S_WATCH_UNAUTHENTICATED;
    case 403:
        return K8S_WATCH_FORBIDDEN;
    case 410:
        return K8S_WATCH_EXPIRED;
    case 429:
        return K8S_WATCH_THROTTLED;
    default:
        return K8S_WATCH_UNAVAILABLE;
    }
}

static K8sWatchEnd
end_of_outcome(const K8sOutcome *outcome)
{
    if (outcome->result == K8S_UNAUTHENTICATED)
        return K8S_WATCH_UNAUTHENTICATED;
    if (outcome->status == 200)
        return K8S_WATCH_MALFORMED;
    return end_of_status(outcome->status);
}

static bool
is_short(const Session *session)
{
    return g_get_monotonic_time() - session->start_us < SHORT_US;
}

static K8sWatchEnd
end_of_session(const Session *session, const K8sOutcome *outcome)
{
    if (session->error_code != 0)
        return end_of_status(session->error_code);
    if (session->is_malformed)
        return K8S_WATCH_MALFORMED;
    if (outcome->result == K8S_OK) {
        bool is_whole =
            event_stream_is_between(session->stream) && (session->has_events || !is_short(session));
        return is_whole ? K8S_WATCH_DUE : K8S_WATCH_UNAVAILABLE;
    }
    if (outcome->result == K8S_TIMEOUT && outcome->status == 0 && session->is_open)
        return K8S_WATCH_SILENT;
    return end_of_outcome(outcome);
}

/* --- list ------------------------------------------------------------------------------------- */

static const Value *
read_page(ValueReader *reader, GBytes *page, GError **error)
{
    gsize size;
    const void *data = g_bytes_get_data(page, &size);
    value_reader_begin(reader, VALUE_JSON);
    return value_reader_feed(reader, data, size, error) ? value_reader_end(reader, error) : NULL;
}

static bool
on_page(GBytes *page, void *user, GError **error)
{
    K8sWatcher *watcher = user;
    g_autoptr(Arena) arena = arena_new(LIST_BYTES_MAX);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    const Value *list = read_page(reader, page, error);
    if (list == NULL)
        return false;
    const char *version = value_text(list, "metadata.resourceVersion");
    if (*version == '\0' && watcher->config.poll_ms == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the list has no field metadata.resourceVersion");
    g_free(watcher->resource_version);
    watcher->resource_version = g_strdup(version);
    for (const Value *item = value_first(list, "items"); item != NULL; item = item->next)
        watcher->config.events->object(item, watcher->config.user);
    return true;
}

/* Whether it came to its end; when not, the pause is over. */
static bool
list_collection(K8sWatcher *watcher)
{
    const K8sWatcherConfig *config = &watcher->config;
    const K8sCall call = {
        .cancel = watcher->cancel, .tries_max = 1, .body_bytes_max = LIST_BYTES_MAX};
    g_autoptr(GString) query = g_string_new(watcher->query);
    if (!watcher->is_behind && config->poll_ms == 0)
        g_string_append_printf(query, "%sresourceVersion=0", query->len > 0 ? "&" : "");
    const K8sList list = {
        .path = watcher->path, .query = query->str, .is_whole = config->poll_ms > 0};
    g_auto(K8sOutcome) outcome = {0};
    config->events->list_begin(config->user);
    if (k8s_client_list(watcher->client, &list, &call, on_page, watcher, &outcome)) {
        config->events->list_end(config->user);
        g_mutex_lock(&watcher->lock);
        watcher->state.is_listed = true;
        watcher->state.lists++;
        g_mutex_unlock(&watcher->lock);
        return true;
    }
    g_clear_pointer(&watcher->resource_version, g_free);
    if (outcome.result == K8S_CANCELLED)
        return false;
    count(watcher, &watcher->state.list_failures);
    note_failure(watcher, end_of_outcome(&outcome), outcome.message);
    pause_after_failure(watcher, outcome.retry_after_ms);
    return false;
}

static void
poll_collection(K8sWatcher *watcher)
{
    int64_t poll_ms = watcher->config.poll_ms, spread_ms = poll_ms * POLL_SPREAD_PERCENT / 100;
    if (!list_collection(watcher))
        return;
    note_progress(watcher);
    int64_t shift_ms = (int64_t)((g_random_double() * 2 - 1) * (double)spread_ms);
    (void)http_retry_wait(poll_ms + shift_ms, watcher->cancel);
}

/* --- watch ------------------------------------------------------------------------------------ */

static bool
take_error(Session *session, const Value *status, GError **error)
{
    session->error_code = (int)CLAMP(value_int(status, "code", 500), 400, 599);
    session->retry_after_ms =
        CLAMP(value_int(status, "details.retryAfterSeconds", 0), 0, RETRY_AFTER_MAX_MS / 1000) *
        1000;
    return error_set(error, CRESSET_ERROR_ABORTED, "%s", value_text(status, "message"));
}

static bool
on_event(const Event *event, void *user, GError **error)
{
    Session *session = user;
    K8sWatcher *watcher = session->watcher;
    const K8sWatcherConfig *config = &watcher->config;
    if (event->type == EVENT_ERROR)
        return take_error(session, event->object, error);
    const char *version = value_text(event->object, "metadata.resourceVersion");
    if (*version == '\0') {
        session->is_malformed = true;
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "an event has no field object.metadata.resourceVersion");
    }
    g_free(watcher->resource_version);
    watcher->resource_version = g_strdup(version);
    session->has_events = true;
    count(watcher, &watcher->state.events);
    note_progress(watcher);
    if (event->type == EVENT_DELETED)
        config->events->deleted(event->object, config->user);
    else if (event->type != EVENT_BOOKMARK)
        config->events->object(event->object, config->user);
    return true;
}

/* What is well again once the server tells events; of the others only an event shows it. */
static bool
is_cured_by_open(K8sWatchEnd trouble)
{
    return trouble != K8S_WATCH_EXPIRED && trouble != K8S_WATCH_SILENT &&
           trouble != K8S_WATCH_MALFORMED;
}

static bool
on_data(const void *data, size_t size, void *user, GError **error)
{
    Session *session = user;
    K8sWatcher *watcher = session->watcher;
    if (size == 0) {
        session->is_open = true;
        if (is_cured_by_open(watcher->state.trouble)) /* which this thread alone changes */
            set_trouble(watcher, K8S_WATCH_DUE, "");
        return true;
    }
    bool goes_on = event_stream_feed(session->stream, data, size, error);
    session->is_malformed |= !goes_on && session->error_code == 0;
    return goes_on;
}

static void
watch_collection(K8sWatcher *watcher)
{
    const K8sWatcherConfig *config = &watcher->config;
    Session session = {.watcher = watcher, .start_us = g_get_monotonic_time()};
    g_autofree char *from = g_strdup(watcher->resource_version);
    const K8sWatch watch = {
        .path = watcher->path,
        .query = watcher->query,
        .resource_version = from,
        .timeout_s = config->timeout_s > 0 ? config->timeout_s
                                           : (unsigned)g_random_int_range(
                                                 TIMEOUT_MIN_S, TIMEOUT_MIN_S + TIMEOUT_SPREAD_S),
        .silence_ms = config->silence_ms > 0 ? config->silence_ms : SILENCE_DEFAULT_MS,
    };
    const K8sCall call = {.cancel = watcher->cancel};
    g_auto(K8sOutcome) outcome = {0};
    session.stream = event_stream_new(on_event, &session);
    (void)k8s_client_watch(watcher->client, &watch, &call, on_data, &session, &outcome);
    K8sWatchEnd end = end_of_session(&session, &outcome);
    event_stream_free(session.stream);
    if (outcome.result == K8S_CANCELLED)
        return;
    count(watcher, &watcher->state.ends[end]);
    if (end == K8S_WATCH_DUE) {
        note_progress(watcher);
        if (is_short(&session))
            pause_after_failure(watcher, 0);
        return;
    }
    if (end == K8S_WATCH_EXPIRED || end == K8S_WATCH_MALFORMED) {
        watcher->is_behind = true;
        g_clear_pointer(&watcher->resource_version, g_free);
    }
    const char *message = outcome.result == K8S_OK ? "the watch ended too soon" : outcome.message;
    note_failure(watcher, end, message);
    pause_after_failure(watcher, MAX(outcome.retry_after_ms, session.retry_after_ms));
}

/* --- the thread ------------------------------------------------------------------------------- */

static void *
run(void *user)
{
    K8sWatcher *watcher = user;
    int64_t spread_ms = watcher->config.start_spread_ms;
    if (spread_ms > 0)
        (void)http_retry_wait((int64_t)(g_random_double() * (double)spread_ms), watcher->cancel);
    while (!g_cancellable_is_cancelled(watcher->cancel)) {
        if (watcher->config.poll_ms > 0)
            poll_collection(watcher);
        else if (watcher->resource_version == NULL)
            (void)list_collection(watcher);
        else
            watch_collection(watcher);
    }
    return NULL;
}

K8sWatcher *
k8s_watcher_new(K8sClient *client, const K8sWatcherConfig *config)
{
    K8sWatcher *watcher = g_new0(K8sWatcher, 1);
    watcher->client = client;
    watcher->config = *config;
    watcher->path = g_strdup(config->path);
    watcher->query = g_strdup(config->query);
    watcher->cancel = g_cancellable_new();
    watcher->state.message = g_strdup("");
    g_mutex_init(&watcher->lock);
    watcher->thread = g_thread_new("watch", run, watcher);
    return watcher;
}

void
k8s_watcher_free(K8sWatcher *watcher)
{
    if (watcher == NULL)
        return;
    g_cancellable_cancel(watcher->cancel);
    (void)g_thread_join(watcher->thread);
    g_object_unref(watcher->cancel);
    k8s_watcher_state_clear(&watcher->state);
    g_mutex_clear(&watcher->lock);
    g_free(watcher->resource_version);
    g_free(watcher->path);
    g_free(watcher->query);
    g_free(watcher);
}

void
k8s_watcher_get_state(K8sWatcher *watcher, K8sWatcherState *ret_state)
{
    g_mutex_lock(&watcher->lock);
    *ret_state = watcher->state;
    ret_state->message = g_strdup(watcher->state.message);
    g_mutex_unlock(&watcher->lock);
}

void
k8s_watcher_state_clear(K8sWatcherState *state)
{
    g_free(state->message);
    *state = (K8sWatcherState){0};
}
