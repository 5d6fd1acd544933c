#include "agent/scrape/schedule.h"

/* A target that is found waits no longer than that, and no longer than a third of its interval. */
#define FIRST_US (5 * G_USEC_PER_SEC)

Schedule
schedule_make(int64_t interval_us, int64_t seconds, uint32_t hash)
{
    /* Phases of microseconds out of 32 bits would not fill long intervals. */
    double share = hash / (G_MAXUINT32 + 1.0);
    return (Schedule){interval_us, (int64_t)(share * (double)interval_us), seconds};
}

int64_t
schedule_next(const Schedule *schedule, int64_t now_us)
{
    int64_t since = now_us - schedule->phase_us;
    int64_t n = since >= 0 ? since / schedule->interval_us + 1 : 0;
    return n * schedule->interval_us + schedule->phase_us;
}

int64_t
schedule_first(const Schedule *schedule, int64_t now_us, uint32_t hash)
{
    int64_t spread_us = MIN(schedule->interval_us / 3, FIRST_US);
    uint32_t mixed = hash * 2654435761u; /* another order than that of the phases */
    int64_t first_us = now_us + (int64_t)(mixed / (G_MAXUINT32 + 1.0) * (double)spread_us);
    int64_t next_us = schedule_next(schedule, first_us);
    int64_t least_us = MAX(schedule->interval_us / 4, 2 * G_USEC_PER_SEC);
    return next_us - first_us < least_us ? next_us : first_us;
}

int64_t
schedule_seconds(const Schedule *schedule, int64_t now_us)
{
    if (schedule->seconds == 0)
        return 0;
    /* A scrape that begins a little late is not a second shorter for that. */
    int64_t left_us = schedule_next(schedule, now_us) - now_us + G_USEC_PER_SEC / 2;
    return CLAMP(left_us / G_USEC_PER_SEC - 1, 1, schedule->seconds);
}

int64_t
schedule_retry(const Schedule *schedule, int64_t now_us, double chance)
{
    int64_t interval_us = schedule->interval_us;
    int64_t pause_us = (int64_t)((0.1 + 0.2 * chance) * (double)interval_us);
    int64_t least_us = MAX(interval_us / 10, G_USEC_PER_SEC / 2);
    if (schedule->seconds > 0)
        least_us = 2 * G_USEC_PER_SEC; /* one of profiling */
    int64_t retry_us = now_us + pause_us;
    return schedule_next(schedule, now_us) - retry_us >= least_us ? retry_us : -1;
}
