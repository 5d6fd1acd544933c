#include "agent/scrape/scraper_private.h"

#include <string.h>

#include "agent/scrape/scrape_file.h"

enum {
    LOOK_US = G_USEC_PER_SEC,            /* between two looks at the pods and the file */
    BODIES_BYTES_MAX = 64 * 1024 * 1024, /* of all answers under way together */
};

/* --- jobs ------------------------------------------------------------------------------------- */

static void
clear_jobs(void *data)
{
    g_ptr_array_unref(((ScraperJobs *)data)->jobs);
}

static void *
parse_jobs(const char *path, void *data, GError **error)
{
    (void)data;
    GPtrArray *jobs = scrape_file_load(path, error);
    if (jobs == NULL)
        return NULL;
    ScraperJobs *box = g_atomic_rc_box_new0(ScraperJobs);
    box->jobs = jobs;
    return box;
}

static void
on_reloaded(const char *path, const GError *error, void *data)
{
    Scraper *scraper = data;
    g_mutex_lock(&scraper->lock);
    g_free(scraper->file_error);
    scraper->file_error = error != NULL ? g_strdup(error->message) : NULL;
    g_mutex_unlock(&scraper->lock);
    if (error != NULL)
        g_warning("%s is not taken, the scrape jobs before stay in force: %s", path,
                  error->message);
    else
        g_message("%s was read again", path);
}

/* The jobs in force, with a new reference to each. */
static GPtrArray *
jobs_of(Scraper *scraper, const ScraperJobs *box)
{
    GPtrArray *jobs = g_ptr_array_new_with_free_func((GDestroyNotify)scrape_job_unref);
    bool has_annotations = false;
    for (guint i = 0; box != NULL && i < box->jobs->len; i++) {
        ScrapeJob *job = box->jobs->pdata[i];
        has_annotations |= job->role == SCRAPE_ROLE_ANNOTATIONS;
        g_ptr_array_add(jobs, scrape_job_ref(job));
    }
    if (scraper->own_job != NULL && !has_annotations)
        g_ptr_array_add(jobs, scrape_job_ref(scraper->own_job));
    return jobs;
}

/* --- targets ---------------------------------------------------------------------------------- */

/* Ends the loops that have no target any more. */
static void
drop_gone(Scraper *scraper, GHashTable *targets)
{
    GHashTableIter iter;
    void *key, *value;
    g_hash_table_iter_init(&iter, scraper->loops);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (g_hash_table_contains(targets, key))
            continue;
        g_hash_table_iter_remove(&iter);
        scraper_drop_loop(scraper, value);
    }
}

/* Takes a target over: a new one gets a loop, a known one goes on with what it has. */
static void
set_target(Scraper *scraper, ScrapeTarget *target, int64_t now_us)
{
    ScrapeLoop *loop = g_hash_table_lookup(scraper->loops, target->key);
    if (loop == NULL) {
        loop = scrape_loop_new(target, now_us);
    } else {
        g_hash_table_steal(scraper->loops, target->key);
        scrape_loop_set_target(loop, target, now_us);
    }
    g_hash_table_insert(scraper->loops, loop->target->key, loop);
    scraper->due_us = MIN(scraper->due_us, loop->due_us);
}

static void
set_targets(Scraper *scraper, ScrapeTargets *targets)
{
    GHashTableIter iter;
    void *value;
    int64_t now_us = g_get_monotonic_time();
    g_mutex_lock(&scraper->lock);
    drop_gone(scraper, targets->targets);
    g_hash_table_iter_init(&iter, targets->targets);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_hash_table_iter_steal(&iter);
        set_target(scraper, value, now_us);
    }
    g_ptr_array_unref(scraper->skipped);
    scraper->skipped = g_ptr_array_ref(targets->skipped);
    g_mutex_unlock(&scraper->lock);
}

static void
release_box(Scraper *scraper, ScraperJobs *box)
{
    if (box != NULL)
        reloaded_file_release(scraper->file, box);
}

/* Makes the targets again when the file or the pods have changed. */
static void
look(Scraper *scraper)
{
    ScraperJobs *box = scraper->file != NULL ? reloaded_file_acquire(scraper->file) : NULL;
    Discovery *discovery = scraper->discovery;
    uint64_t pods_seen = discovery != NULL ? discovery_pods_version(discovery) : 0;
    bool is_same = scraper->has_targets && box == scraper->box && pods_seen == scraper->pods_seen;
    release_box(scraper, is_same ? box : scraper->box);
    if (is_same)
        return;
    scraper->box = box;
    scraper->pods_seen = pods_seen; /* asked for before the pods: a change is seen later */
    scraper->has_targets = true;
    g_autoptr(GPtrArray) pods = discovery != NULL ? discovery_pods(discovery) : g_ptr_array_new();
    g_autoptr(GPtrArray) jobs = jobs_of(scraper, box);
    g_autoptr(ScrapeTargets) targets = scrape_targets_new(jobs, pods, scraper->tenant_label);
    set_targets(scraper, targets);
}

/* --- thread ----------------------------------------------------------------------------------- */

static gpointer
scraper_run(gpointer data)
{
    Scraper *scraper = data;
    while (!g_atomic_int_get(&scraper->is_stopping)) {
        int64_t now_us = g_get_monotonic_time();
        if (now_us >= scraper->looked_us + LOOK_US) {
            look(scraper);
            scraper->looked_us = now_us;
        }
        if (now_us >= scraper->due_us)
            scraper_begin_due(scraper, now_us);
        int64_t until_us = MIN(scraper->due_us, scraper->looked_us + LOOK_US);
        http_multi_run(scraper->multi, (until_us - g_get_monotonic_time() + 999) / 1000);
    }
    return NULL;
}

static ScrapeJob *
own_job(void)
{
    ScrapeJob *job = scrape_job_new();
    job->name = g_strdup("annotations");
    job->role = SCRAPE_ROLE_ANNOTATIONS;
    (void)scrape_job_finish(job, NULL);
    return job;
}

Scraper *
scraper_new(const ScraperConfig *config, GError **error)
{
    g_autoptr(Scraper) scraper = g_new0(Scraper, 1);
    const ReloadedFileConfig file = {
        .parse = parse_jobs, .clear = clear_jobs, .notice = on_reloaded, .notice_data = scraper};
    scraper->sink = config->sink;
    scraper->sink_data = config->sink_data;
    scraper->discovery = config->discovery;
    scraper->tenant_label = g_strdup(config->tenant_label);
    scraper->looked_us = -LOOK_US;
    scraper->due_us = G_MAXINT64;
    scraper->loops = g_hash_table_new(g_str_hash, g_str_equal);
    scraper->skipped = g_ptr_array_new_with_free_func(g_free);
    scraper->token_fetches = g_ptr_array_new_with_free_func(scraper_token_fetch_free);
    scraper->profile = g_byte_array_new();
    scraper->metrics = scrape_metrics_new();
    scraper->multi = http_multi_new(BODIES_BYTES_MAX);
    g_mutex_init(&scraper->lock);
    if (config->has_annotations && config->discovery != NULL)
        scraper->own_job = own_job();
    if (config->file != NULL && *config->file != '\0') {
        scraper->file = reloaded_file_new(config->file, &file, error);
        if (scraper->file == NULL)
            return NULL;
    }
    scraper->thread = g_thread_new("scrape", scraper_run, scraper);
    return g_steal_pointer(&scraper);
}

static void
stop(Scraper *scraper)
{
    if (scraper->thread == NULL)
        return;
    g_atomic_int_set(&scraper->is_stopping, TRUE);
    http_multi_wake(scraper->multi);
    g_thread_join(scraper->thread);
}

void
scraper_free(Scraper *scraper)
{
    if (scraper == NULL)
        return;
    stop(scraper);
    g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
    drop_gone(scraper, none);
    g_hash_table_unref(scraper->loops);
    g_ptr_array_unref(scraper->token_fetches);
    release_box(scraper, scraper->box);
    reloaded_file_free(scraper->file);
    scrape_job_unref(scraper->own_job);
    http_multi_free(scraper->multi);
    g_ptr_array_unref(scraper->skipped);
    g_byte_array_unref(scraper->profile);
    metrics_free(scraper->metrics);
    g_free(scraper->tenant_label);
    g_free(scraper->file_error);
    g_mutex_clear(&scraper->lock);
    g_free(scraper);
}

/* --- what others ask -------------------------------------------------------------------------- */

static int
compare_loops(const void *left, const void *right)
{
    const ScrapeLoop *a = *(ScrapeLoop *const *)left, *b = *(ScrapeLoop *const *)right;
    return strcmp(a->target->key, b->target->key);
}

void
scraper_each_loop(Scraper *scraper, ScrapeLoopFunc func, void *data)
{
    GHashTableIter iter;
    void *value;
    g_mutex_lock(&scraper->lock);
    g_autoptr(GPtrArray) loops = g_ptr_array_new();
    g_hash_table_iter_init(&iter, scraper->loops);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(loops, value);
    g_ptr_array_sort(loops, compare_loops);
    for (guint i = 0; i < loops->len; i++)
        func(loops->pdata[i], data);
    g_mutex_unlock(&scraper->lock);
}

GStrv
scraper_skipped(Scraper *scraper)
{
    g_mutex_lock(&scraper->lock);
    GStrv texts = g_new0(char *, scraper->skipped->len + 1);
    for (guint i = 0; i < scraper->skipped->len; i++)
        texts[i] = g_strdup(scraper->skipped->pdata[i]);
    g_mutex_unlock(&scraper->lock);
    return texts;
}

char *
scraper_file_error(Scraper *scraper)
{
    g_mutex_lock(&scraper->lock);
    char *error = g_strdup(scraper->file_error);
    g_mutex_unlock(&scraper->lock);
    return error;
}

static void
count_loops(Scraper *scraper)
{
    GHashTableIter iter;
    void *value;
    double n[SCRAPE_N_HEALTHS] = {0}, delta_bytes = 0, in_flight = 0;
    g_mutex_lock(&scraper->lock);
    g_hash_table_iter_init(&iter, scraper->loops);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ScrapeLoop *loop = value;
        n[loop->health]++;
        in_flight += scrape_loop_is_busy(loop);
        delta_bytes += (double)loop->delta_bytes;
    }
    metrics_set(scraper->metrics, SCRAPE_METRIC_SKIPPED, 0, scraper->skipped->len);
    g_mutex_unlock(&scraper->lock);
    for (size_t i = 0; i < SCRAPE_N_HEALTHS; i++)
        metrics_set(scraper->metrics, SCRAPE_METRIC_TARGETS, i, n[i]);
    metrics_set(scraper->metrics, SCRAPE_METRIC_DELTA_BYTES, 0, delta_bytes);
    metrics_set(scraper->metrics, SCRAPE_METRIC_IN_FLIGHT, 0, in_flight);
}

void
scraper_write_metrics(Scraper *scraper, GString *out)
{
    count_loops(scraper);
    metrics_write(scraper->metrics, out);
    if (scraper->file != NULL)
        reloaded_file_write_metrics(scraper->file, "cresset_agent_scrape_file", out);
}
