/* Schedules of CronJobs: the five fields of cron, names of months and days, "@daily" and the like,
 * and "@every 1h30m", as the CronJob controller reads them
 * (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t minutes; /* bit n: at minute n */
    uint32_t hours, days, months;
    uint32_t weekdays; /* bit 0: Sunday */
    bool is_any_day, is_any_weekday;
    int64_t every_s; /* of @every: then nothing else counts */
} CronSchedule;

/* False when the text is no schedule. */
bool cron_parse(const char *text, CronSchedule *ret_schedule);
/* The first time after `after_s` (seconds since 1970), by the clocks of a zone; times that a clock
 * skips are left out. 0: none within eight years. */
int64_t cron_next(const CronSchedule *schedule, GTimeZone *zone, int64_t after_s);
/* Whether a time, to the minute, is one of the schedule. */
bool cron_matches(const CronSchedule *schedule, GTimeZone *zone, int64_t time_s);
