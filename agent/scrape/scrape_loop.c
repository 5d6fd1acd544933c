#include "agent/scrape/scrape_loop.h"

static uint32_t
hash_of(const char *key)
{
    /* FNV-1a with a last mixing (public domain): g_str_hash leaves the upper bits of like keys
     * alike, by which the phases are made. */
    uint32_t hash = 2166136261u;
    for (const char *at = key; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    hash ^= hash >> 16;
    hash *= 0x7feb352du;
    hash ^= hash >> 15;
    hash *= 0x846ca68bu;
    return hash ^ hash >> 16;
}

static Schedule
schedule_of(const ScrapeTarget *target, uint32_t hash)
{
    return schedule_make(target->job->interval_us,
                         target->profile->takes_seconds ? target->job->seconds : 0, hash);
}

ScrapeLoop *
scrape_loop_new(ScrapeTarget *target, int64_t now_us)
{
    const ProfileType *type = target->profile->type;
    ScrapeLoop *loop = g_new0(ScrapeLoop, 1);
    loop->target = target;
    loop->hash = hash_of(target->key);
    loop->schedule = schedule_of(target, loop->hash);
    loop->due_us = schedule_first(&loop->schedule, now_us, loop->hash);
    if (type != NULL && type->cumulative != NULL)
        loop->delta = pprof_delta_new(type->cumulative);
    return loop;
}

bool
scrape_loop_is_busy(const ScrapeLoop *loop)
{
    return loop->transfer != NULL || loop->waits_for_token;
}

void
scrape_loop_free(ScrapeLoop *loop)
{
    g_assert(loop->transfer == NULL);
    scrape_target_free(loop->target);
    pprof_delta_free(loop->delta);
    g_free(loop->error);
    g_free(loop);
}

void
scrape_loop_set_target(ScrapeLoop *loop, ScrapeTarget *target, int64_t now_us)
{
    int64_t interval_us = loop->schedule.interval_us;
    scrape_target_free(loop->target);
    loop->target = target;
    loop->schedule = schedule_of(target, loop->hash);
    if (loop->schedule.interval_us != interval_us)
        loop->due_us = schedule_first(&loop->schedule, now_us, loop->hash);
}

void
scrape_loop_begin(ScrapeLoop *loop, int64_t now_us)
{
    loop->begun_us = now_us;
    loop->asked_seconds = schedule_seconds(&loop->schedule, now_us);
    loop->due_us = schedule_next(&loop->schedule, now_us);
}

void
scrape_loop_miss(ScrapeLoop *loop, int64_t now_us)
{
    loop->due_us = schedule_next(&loop->schedule, now_us);
}

static bool
is_failure(ScrapeResult result)
{
    return result != SCRAPE_OK && result != SCRAPE_FIRST && result != SCRAPE_EMPTY;
}

/* Whether the same may succeed some seconds later. */
static bool
is_worth_a_retry(ScrapeResult result)
{
    switch (result) {
    case SCRAPE_OK:
    case SCRAPE_FIRST:
    case SCRAPE_EMPTY:
    case SCRAPE_HTTP_3XX:
    case SCRAPE_HTTP_404:
    case SCRAPE_NOT_PROFILE:
    case SCRAPE_TOO_LARGE:
    case SCRAPE_BOMB:
        return false;
    default:
        return true;
    }
}

static ScrapeHealth
health_after(ScrapeResult result)
{
    if (result == SCRAPE_HTTP_404)
        return SCRAPE_HEALTH_ABSENT;
    return is_failure(result) ? SCRAPE_HEALTH_DOWN : SCRAPE_HEALTH_UP;
}

/* Leaves out 1, 3, 7, … intervals. */
static void
back_off(ScrapeLoop *loop)
{
    int64_t n = 1;
    for (unsigned i = 0; i < loop->n_absent && n < SCRAPE_ABSENT_INTERVALS_MAX; i++)
        n *= 2;
    loop->n_absent++;
    loop->due_us += (MIN(n, SCRAPE_ABSENT_INTERVALS_MAX) - 1) * loop->schedule.interval_us;
}

static bool
plan_retry(ScrapeLoop *loop, int64_t retry_after_ms, int64_t now_us)
{
    int64_t at_us = schedule_retry(&loop->schedule, now_us, g_random_double());
    if (at_us < 0 || now_us + retry_after_ms * 1000 > at_us)
        return false;
    loop->due_us = at_us;
    return true;
}

bool
scrape_loop_end(ScrapeLoop *loop, ScrapeResult result, char *error, int64_t retry_after_ms,
                int64_t now_us)
{
    bool is_first_try = !loop->is_retry;
    g_free(loop->error);
    loop->error = error;
    loop->result = result;
    loop->health = health_after(result);
    loop->ended_us = now_us;
    loop->duration_us = now_us - loop->begun_us;
    loop->n_failures = is_failure(result) ? loop->n_failures + 1 : 0;
    loop->is_retry =
        is_first_try && is_worth_a_retry(result) && plan_retry(loop, retry_after_ms, now_us);
    if (result == SCRAPE_HTTP_404)
        back_off(loop);
    else
        loop->n_absent = 0;
    return loop->is_retry;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *
scrape_health_text(ScrapeHealth health)
{
    static const char *const texts[SCRAPE_N_HEALTHS] = {"unknown", "up", "down", "absent"};
    return texts[health];
}
