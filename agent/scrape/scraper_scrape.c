#include "agent/scrape/scrape_request.h"
#include "agent/scrape/scraped_profile.h"
#include "agent/scrape/scraper_private.h"

enum { SLOT_US = 100 * 1000 }; /* what is due within so long begins together: fewer wake-ups */

/* --- the end of a scrape ---------------------------------------------------------------------- */

typedef struct {
    Scraper *scraper;
    ScrapeLoop *loop;
    ScrapeRequest *request;
} Scrape;

static void
on_part(const uint8_t *pprof, size_t size, void *data)
{
    const Scrape *scrape = data;
    Scraper *scraper = scrape->scraper;
    scraper->sink(scrape->loop->target->labels, pprof, size, scraper->sink_data);
    metrics_add(scraper->metrics, SCRAPE_METRIC_PROFILES, 0, 1);
    metrics_add(scraper->metrics, SCRAPE_METRIC_PROFILE_BYTES, 0, (double)size);
    g_mutex_lock(&scraper->lock);
    scrape->loop->n_sent++;
    scrape->loop->sent_bytes += size;
    g_mutex_unlock(&scraper->lock);
}

/* Reads an answer and sends what is in it. */
static ScrapeResult
take_reply(Scrape *scrape, const HttpClientReply *reply, GError **error)
{
    Scraper *scraper = scrape->scraper;
    ScrapeLoop *loop = scrape->loop;
    uint64_t n_dropped = 0;
    ScrapeResult result = scrape_result_of_status(reply->status);
    metrics_add(scraper->metrics, SCRAPE_METRIC_BYTES, 0, (double)g_bytes_get_size(reply->body));
    if (result != SCRAPE_OK) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the target answers %d", reply->status);
        return result;
    }
    result = scraped_profile_read(loop->target, loop->delta, reply, scraper->profile, error);
    if (scraper->profile->len > 0)
        scraped_profile_split(scraper->profile, on_part, scrape, &n_dropped);
    metrics_add(scraper->metrics, SCRAPE_METRIC_SAMPLES_DROPPED, 0, (double)n_dropped);
    return result;
}

/* Said once when a target goes down, and once when it is up again. */
static void
say_change(const ScrapeLoop *loop, ScrapeHealth before)
{
    const char *url = loop->target->url;
    if (loop->health == SCRAPE_HEALTH_DOWN && before != SCRAPE_HEALTH_DOWN)
        g_info("%s cannot be scraped: %s", url, loop->error);
    else if (loop->health == SCRAPE_HEALTH_ABSENT && before != SCRAPE_HEALTH_ABSENT)
        g_info("%s is not offered (404), it is asked for ever more seldom", url);
    else if (loop->health == SCRAPE_HEALTH_UP && before >= SCRAPE_HEALTH_DOWN)
        g_info("%s is scraped again", url);
}

static void
end_scrape(Scraper *scraper, ScrapeLoop *loop, ScrapeResult result, const GError *error,
           int64_t retry_after_ms, uint64_t body_bytes)
{
    ScrapeHealth before = loop->health;
    char *message = error != NULL ? g_strdup(error->message) : NULL;
    g_mutex_lock(&scraper->lock);
    loop->transfer = NULL;
    loop->waits_for_token = false;
    loop->body_bytes = body_bytes;
    if (loop->delta != NULL)
        loop->delta_bytes = pprof_delta_memory(loop->delta);
    bool is_retried =
        scrape_loop_end(loop, result, message, retry_after_ms, g_get_monotonic_time());
    g_mutex_unlock(&scraper->lock);
    scraper->due_us = MIN(scraper->due_us, loop->due_us);
    int64_t own_us = loop->duration_us - loop->asked_seconds * G_USEC_PER_SEC;
    metrics_add(scraper->metrics, SCRAPE_METRIC_SCRAPES, result, 1);
    metrics_observe(scraper->metrics, SCRAPE_METRIC_SECONDS, 0, (double)MAX(own_us, 0) / 1e6);
    if (is_retried)
        metrics_add(scraper->metrics, SCRAPE_METRIC_RETRIES, 0, 1);
    say_change(loop, before);
}

/* An access token that the target does not take is fetched again. */
static void
refuse_token(const Scrape *scrape, int status)
{
    ScrapeToken *token = scrape->request->job->token;
    if (status == 401 && token != NULL)
        scrape_token_refuse(token, scrape->loop->begun_us, g_get_monotonic_time());
}

static void
on_done(const HttpOutcome *outcome, void *user)
{
    Scrape *scrape = user;
    ScrapeLoop *loop = scrape->loop;
    g_autoptr(GError) error = NULL;
    ScrapeResult result = scrape_result_of_failure(outcome->failure);
    uint64_t body_bytes = 0;
    int64_t retry_after_ms = 0;
    if (outcome->reply != NULL) {
        body_bytes = g_bytes_get_size(outcome->reply->body);
        retry_after_ms = outcome->reply->retry_after_ms;
        refuse_token(scrape, outcome->reply->status);
        result = take_reply(scrape, outcome->reply, &error);
    }
    loop->request = NULL;
    end_scrape(scrape->scraper, loop, result, outcome->error != NULL ? outcome->error : error,
               retry_after_ms, body_bytes);
    scrape_request_free(scrape->request);
    g_free(scrape);
}

/* --- the start of a scrape -------------------------------------------------------------------- */

/* `access_token` NULL: the job has no oauth2. */
static void
send_scrape(Scraper *scraper, ScrapeLoop *loop, const char *access_token)
{
    g_autoptr(GError) error = NULL;
    ScrapeRequest *request =
        scrape_request_new(loop->target, loop->asked_seconds, access_token, &error);
    if (request == NULL) {
        end_scrape(scraper, loop, SCRAPE_SECRET, error, 0, 0);
        return;
    }
    Scrape *scrape = g_new0(Scrape, 1);
    *scrape = (Scrape){scraper, loop, request};
    HttpTransfer *transfer = http_multi_start(scraper->multi, loop->target->job->client,
                                              &request->http, on_done, scrape, &error);
    if (transfer == NULL) {
        scrape_request_free(request);
        g_free(scrape);
        end_scrape(scraper, loop, SCRAPE_CUT, error, 0, 0);
        return;
    }
    g_mutex_lock(&scraper->lock);
    loop->transfer = transfer;
    loop->request = scrape;
    loop->waits_for_token = false;
    g_mutex_unlock(&scraper->lock);
}

static bool fetch_token(Scraper *scraper, ScrapeJob *job);

/* Sends the scrape, has it wait for an access token, or ends it as there is none. */
static void
go_on(Scraper *scraper, ScrapeLoop *loop)
{
    ScrapeJob *job = loop->target->job;
    int64_t now_us = g_get_monotonic_time();
    const char *value = job->token != NULL ? scrape_token_value(job->token, now_us) : NULL;
    if (job->token == NULL || value != NULL) {
        send_scrape(scraper, loop, value);
        return;
    }
    bool is_fetched =
        scrape_token_is_pending(job->token) ||
        (scrape_token_failure(job->token, now_us) == NULL && fetch_token(scraper, job));
    if (!is_fetched) {
        const GError *failure = scrape_token_failure(job->token, now_us);
        end_scrape(scraper, loop, SCRAPE_TOKEN, failure, 0, 0);
        return;
    }
    g_mutex_lock(&scraper->lock);
    loop->waits_for_token = true;
    g_mutex_unlock(&scraper->lock);
}

static void
begin_scrape(Scraper *scraper, ScrapeLoop *loop, int64_t now_us)
{
    g_mutex_lock(&scraper->lock);
    scrape_loop_begin(loop, now_us);
    g_mutex_unlock(&scraper->lock);
    go_on(scraper, loop);
}

void
scraper_begin_due(Scraper *scraper, int64_t now_us)
{
    GHashTableIter iter;
    void *value;
    scraper->due_us = G_MAXINT64;
    g_hash_table_iter_init(&iter, scraper->loops);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ScrapeLoop *loop = value;
        if (loop->due_us <= now_us && !scrape_loop_is_busy(loop)) {
            begin_scrape(scraper, loop, now_us);
        } else if (loop->due_us <= now_us) {
            g_mutex_lock(&scraper->lock);
            scrape_loop_miss(loop, now_us);
            g_mutex_unlock(&scraper->lock);
            metrics_add(scraper->metrics, SCRAPE_METRIC_MISSED, 0, 1);
        }
        scraper->due_us = MIN(scraper->due_us, loop->due_us);
    }
    scraper->due_us = MAX(scraper->due_us, now_us + SLOT_US);
}

void
scraper_drop_loop(Scraper *scraper, ScrapeLoop *loop)
{
    Scrape *scrape = loop->request;
    if (loop->transfer != NULL) {
        http_multi_cancel(scraper->multi, g_steal_pointer(&loop->transfer));
        scrape_request_free(scrape->request);
        g_free(scrape);
    }
    scrape_loop_free(loop);
}

/* --- access tokens ---------------------------------------------------------------------------- */

typedef struct {
    Scraper *scraper;
    ScrapeJob *job; /* whose token it is */
} ScraperTokenFetch;

void
scraper_token_fetch_free(void *data)
{
    ScraperTokenFetch *fetch = data;
    scrape_token_cancel(fetch->job->token, fetch->scraper->multi);
    scrape_job_unref(fetch->job);
    g_free(fetch);
}

static void
on_token(ScrapeResult result, bool is_ended, void *user)
{
    ScraperTokenFetch *fetch = user;
    Scraper *scraper = fetch->scraper;
    GHashTableIter iter;
    void *value;
    metrics_add(scraper->metrics, SCRAPE_METRIC_TOKENS, result, 1);
    if (!is_ended)
        return;
    g_hash_table_iter_init(&iter, scraper->loops);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((ScrapeLoop *)value)->waits_for_token)
            go_on(scraper, value);
    g_ptr_array_remove(scraper->token_fetches, fetch);
}

static bool
fetch_token(Scraper *scraper, ScrapeJob *job)
{
    ScraperTokenFetch *fetch = g_new(ScraperTokenFetch, 1);
    *fetch = (ScraperTokenFetch){scraper, scrape_job_ref(job)};
    if (scrape_token_fetch(job->token, scraper->multi, on_token, fetch)) {
        g_ptr_array_add(scraper->token_fetches, fetch);
        return true;
    }
    metrics_add(scraper->metrics, SCRAPE_METRIC_TOKENS, SCRAPE_SECRET, 1);
    scraper_token_fetch_free(fetch);
    return false;
}
