/* When a target is scraped: at one moment of each interval, spread over the interval by the hash of
 * the target, so that many targets make an even load. Times are those of g_get_monotonic_time. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t interval_us, phase_us; /* the phase is below the interval */
    int64_t seconds;               /* that a profile is asked for; 0: it is not */
} Schedule;

/* `hash` is of the target. */
Schedule schedule_make(int64_t interval_us, int64_t seconds, uint32_t hash);

/* The first regular moment behind `now_us`. */
int64_t schedule_next(const Schedule *schedule, int64_t now_us);
/* The first scrape of a target that is found now: some seconds later, unless a regular moment comes
 * soon. */
int64_t schedule_first(const Schedule *schedule, int64_t now_us, uint32_t hash);
/* Seconds to ask for in a scrape that begins now and shall end before the next moment; 0 where the
 * profile takes none. */
int64_t schedule_seconds(const Schedule *schedule, int64_t now_us);
/* When to try again what has failed now, or -1 if the interval is too far gone. `chance` is from 0
 * to 1. */
int64_t schedule_retry(const Schedule *schedule, int64_t now_us, double chance);
