#include "server/debuginfo/fetcher.h"

#include <elfutils/debuginfod.h>
#include <fcntl.h>
#include <signal.h>

#include "lib/base/metrics.h"
#include "server/debuginfo/debug_files.h"
#include "server/debuginfo/fetch_process.h"

/* Build ids that are remembered. */
#define FILES_MAX 16384
/* The longest that a download may take, seconds, unless the environment says otherwise. */
#define FETCH_TIME_MAX "600"

static const char *const RESULTS[] = {
    [DEBUG_FETCH_FOUND] = "found",
    [DEBUG_FETCH_NOT_FOUND] = "not_found",
    [DEBUG_FETCH_TIMEOUT] = "timeout",
    [DEBUG_FETCH_TOO_LARGE] = "too_large",
    [DEBUG_FETCH_WRONG_FILE] = "wrong_file",
    [DEBUG_FETCH_FAILED] = "failed",
    [DEBUG_FETCH_RESULTS] = NULL,
};

enum { METRIC_FETCHES, METRIC_UNDER_WAY };
static const MetricRow METRICS[] = {
    [METRIC_FETCHES] = {.name = "cresset_server_debuginfod_fetches_total",
                        .kind = METRIC_COUNTER,
                        .help = "Debug files that debuginfod servers were asked for.",
                        .label = "result",
                        .label_values = RESULTS},
    [METRIC_UNDER_WAY] = {.name = "cresset_server_debuginfod_under_way",
                          .kind = METRIC_GAUGE,
                          .help = "Debug files that are being fetched, or wait for it."},
};

typedef enum { FILE_UNDER_WAY, FILE_THERE, FILE_MISSING } FileState;

typedef struct {
    FileState state;
    int64_t asked_us; /* monotonic, as the next */
    int64_t retry_us; /* of a missing one */
    char *path;       /* of one that is there */
    bool is_noticed;
} RemoteFile;

struct DebugFetcher {
    DebugFetcherConfig config;
    Metrics *metrics;
    GThreadPool *pool;
    GStrv environment; /* of the processes */
    GMutex lock;       /* of what follows */
    GCond changed;
    GHashTable *files; /* build id in lower case -> RemoteFile */
    guint n_under_way;
    GArray *running; /* pid_t of the processes */
    bool is_stopping;
};

static void
file_free(gpointer pointer)
{
    RemoteFile *file = pointer;
    g_free(file->path);
    g_free(file);
}

/* ---- One download. ---- */

/* With the lock held. */
static void
forget_running(DebugFetcher *fetcher, pid_t pid)
{
    for (guint i = 0; i < fetcher->running->len; i++) {
        if (g_array_index(fetcher->running, pid_t, i) != pid)
            continue;
        g_array_remove_index_fast(fetcher->running, i);
        return;
    }
}

/* Starts the process, where debug_fetcher_stop finds it. False with *ret_text. */
static bool
start(DebugFetcher *fetcher, const char *build_id, FetchProcess *ret_process, char **ret_text)
{
    g_autoptr(GError) error = NULL;
    const char *program = fetcher->config.program;
    const FetchProcessConfig config = {.program = program != NULL ? program : "/proc/self/exe",
                                       .build_id = build_id,
                                       .cache_bytes_max = fetcher->config.cache_bytes_max,
                                       .environment = fetcher->environment};
    g_mutex_lock(&fetcher->lock);
    bool is_started = !fetcher->is_stopping && fetch_process_start(ret_process, &config, &error);
    if (is_started)
        g_array_append_val(fetcher->running, ret_process->pid);
    g_mutex_unlock(&fetcher->lock);
    if (!is_started)
        *ret_text = g_strdup(error != NULL ? error->message : "");
    return is_started;
}

/* Runs a process to its end. *ret_text: the path of the file, or what went wrong. */
static DebugFetchResult
fetch(DebugFetcher *fetcher, const char *build_id, char **ret_text)
{
    FetchProcess process;
    DebugFetchResult result;
    if (!start(fetcher, build_id, &process, ret_text))
        return DEBUG_FETCH_FAILED;
    *ret_text = fetch_process_wait(&process);
    g_mutex_lock(&fetcher->lock);
    bool has_answered = fetch_process_reap(&process, &result);
    forget_running(fetcher, process.pid);
    g_mutex_unlock(&fetcher->lock);
    if (!has_answered) {
        g_free(*ret_text);
        *ret_text = g_strdup("the process that fetches it died");
    }
    return result;
}

/* Returns whether the caller has to give notice. With the lock held. */
static bool
settle(DebugFetcher *fetcher, RemoteFile *file, DebugFetchResult result, const char *text)
{
    bool is_first = result != DEBUG_FETCH_FOUND && !file->is_noticed;
    fetcher->n_under_way--;
    file->is_noticed |= is_first;
    file->state = result == DEBUG_FETCH_FOUND ? FILE_THERE : FILE_MISSING;
    file->path = result == DEBUG_FETCH_FOUND ? g_strdup(text) : NULL;
    file->retry_us = g_get_monotonic_time() + DEBUG_FETCH_RETRY_S * G_USEC_PER_SEC;
    metrics_add(fetcher->metrics, METRIC_FETCHES, result, 1);
    metrics_set(fetcher->metrics, METRIC_UNDER_WAY, 0, fetcher->n_under_way);
    g_cond_broadcast(&fetcher->changed);
    return is_first;
}

static void
run(gpointer data, gpointer user_data)
{
    g_autofree char *build_id = data, *text = NULL;
    DebugFetcher *fetcher = user_data;
    DebugFetchResult result = fetch(fetcher, build_id, &text);
    g_mutex_lock(&fetcher->lock);
    bool has_notice =
        settle(fetcher, g_hash_table_lookup(fetcher->files, build_id), result, text) &&
        !fetcher->is_stopping;
    g_mutex_unlock(&fetcher->lock);
    if (has_notice && fetcher->config.notice != NULL)
        fetcher->config.notice(build_id, text, fetcher->config.notice_data);
}

/* ---- All of them. ---- */

/* What elfutils is told; its other variables stay as the operator has set them. */
static GStrv
environment_of(const DebugFetcherConfig *config)
{
    g_autofree char *urls = g_strjoinv(" ", (GStrv)(uintptr_t)config->urls);
    g_autofree char *bytes = g_strdup_printf("%" G_GINT64_FORMAT, config->file_bytes_max);
    GStrv all = g_get_environ();
    all = g_environ_setenv(all, DEBUGINFOD_URLS_ENV_VAR, urls, TRUE);
    all = g_environ_setenv(all, DEBUGINFOD_CACHE_PATH_ENV_VAR, config->dir, TRUE);
    all = g_environ_setenv(all, DEBUGINFOD_MAXSIZE_ENV_VAR, bytes, TRUE);
    all = g_environ_setenv(all, DEBUGINFOD_MAXTIME_ENV_VAR, FETCH_TIME_MAX, FALSE);
    return g_environ_unsetenv(all, DEBUGINFOD_PROGRESS_ENV_VAR);
}

DebugFetcher *
debug_fetcher_new(const DebugFetcherConfig *config)
{
    DebugFetcher *fetcher = g_new0(DebugFetcher, 1);
    fetcher->config = *config;
    fetcher->environment = environment_of(config);
    fetcher->config.dir = NULL; /* both are in there */
    fetcher->config.urls = NULL;
    fetcher->metrics = metrics_new(METRICS, G_N_ELEMENTS(METRICS));
    fetcher->running = g_array_new(FALSE, FALSE, sizeof(pid_t));
    fetcher->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
    fetcher->pool = g_thread_pool_new(run, fetcher, DEBUG_FETCHES_MAX, FALSE, NULL);
    g_mutex_init(&fetcher->lock);
    g_cond_init(&fetcher->changed);
    return fetcher;
}

void
debug_fetcher_stop(DebugFetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    g_mutex_lock(&fetcher->lock);
    fetcher->is_stopping = true;
    for (guint i = 0; i < fetcher->running->len; i++)
        (void)kill(g_array_index(fetcher->running, pid_t, i), SIGTERM);
    g_cond_broadcast(&fetcher->changed);
    g_mutex_unlock(&fetcher->lock);
}

void
debug_fetcher_free(DebugFetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    debug_fetcher_stop(fetcher);
    g_thread_pool_free(fetcher->pool, FALSE, TRUE);
    g_hash_table_unref(fetcher->files);
    g_array_unref(fetcher->running);
    metrics_free(fetcher->metrics);
    g_strfreev(fetcher->environment);
    g_cond_clear(&fetcher->changed);
    g_mutex_clear(&fetcher->lock);
    g_free(fetcher);
}

static gboolean
is_settled(gpointer build_id, gpointer file, gpointer data)
{
    (void)build_id, (void)data;
    return ((const RemoteFile *)file)->state != FILE_UNDER_WAY;
}

/* The file, known from now on. With the lock held. */
static RemoteFile *
find_file(DebugFetcher *fetcher, const char *build_id)
{
    RemoteFile *file = g_hash_table_lookup(fetcher->files, build_id);
    if (file != NULL)
        return file;
    if (g_hash_table_size(fetcher->files) >= FILES_MAX)
        g_hash_table_foreach_remove(fetcher->files, is_settled, NULL);
    file = g_new0(RemoteFile, 1);
    file->state = FILE_MISSING;
    g_hash_table_insert(fetcher->files, g_strdup(build_id), file);
    return file;
}

/* With the lock held. */
static void
ask(DebugFetcher *fetcher, RemoteFile *file, const char *build_id)
{
    int64_t now_us = g_get_monotonic_time();
    if (file->state == FILE_UNDER_WAY || now_us < file->retry_us ||
        fetcher->n_under_way >= DEBUG_FETCHES_MAX + DEBUG_FETCHES_QUEUED_MAX ||
        fetcher->is_stopping)
        return;
    file->state = FILE_UNDER_WAY;
    file->asked_us = now_us;
    fetcher->n_under_way++;
    metrics_set(fetcher->metrics, METRIC_UNDER_WAY, 0, fetcher->n_under_way);
    g_thread_pool_push(fetcher->pool, g_strdup(build_id), NULL);
}

int
debug_fetcher_open(DebugFetcher *fetcher, const char *build_id)
{
    int fd = -1;
    if (!debug_build_id_is_valid(build_id))
        return -1;
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    g_mutex_lock(&fetcher->lock);
    RemoteFile *file = find_file(fetcher, lower);
    if (file->state == FILE_THERE) {
        fd = open(file->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) { /* the cache was trimmed */
            g_clear_pointer(&file->path, g_free);
            file->state = FILE_MISSING;
            file->retry_us = 0;
        }
    }
    if (fd < 0)
        ask(fetcher, file, lower);
    g_mutex_unlock(&fetcher->lock);
    return fd;
}

/* Until when to wait for these files, monotonic; 0: not any longer. With the lock held. */
static int64_t
find_deadline(const DebugFetcher *fetcher, const char *const *build_ids, bool *ret_is_there)
{
    int64_t now_us = g_get_monotonic_time(), latest_us = 0;
    *ret_is_there = false;
    for (size_t i = 0; build_ids[i] != NULL; i++) {
        g_autofree char *lower = g_ascii_strdown(build_ids[i], -1);
        const RemoteFile *file = g_hash_table_lookup(fetcher->files, lower);
        if (file == NULL)
            continue;
        *ret_is_there |= file->state == FILE_THERE;
        int64_t until_us = file->asked_us + fetcher->config.wait_ns / 1000;
        if (file->state == FILE_UNDER_WAY && until_us > now_us)
            latest_us = MAX(latest_us, until_us);
    }
    return fetcher->is_stopping ? 0 : latest_us;
}

bool
debug_fetcher_wait(DebugFetcher *fetcher, const char *const *build_ids)
{
    bool is_there = false;
    int64_t until_us;
    g_mutex_lock(&fetcher->lock);
    while ((until_us = find_deadline(fetcher, build_ids, &is_there)) > 0)
        (void)g_cond_wait_until(&fetcher->changed, &fetcher->lock, until_us);
    g_mutex_unlock(&fetcher->lock);
    return is_there;
}

void
debug_fetcher_write_metrics(DebugFetcher *fetcher, GString *out)
{
    metrics_write(fetcher->metrics, out);
}
