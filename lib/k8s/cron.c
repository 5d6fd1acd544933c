#include "lib/k8s/cron.h"

#include <string.h>

enum { MINUTE_S = 60, HOUR_S = 3600, DAYS_AHEAD = 8 * 366, PARTS_MAX = 64 };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

typedef struct {
    int min, max;
    const char *const *names; /* of `min` and up, or NULL */
} Field;

/* Sunday may be 7 as well. */
static const Field fields[] = {
    {0, 59, NULL}, {0, 23, NULL}, {1, 31, NULL}, {1, 12, month_names}, {0, 7, weekday_names}};

/* ---- Reading. ---- */

static bool
parse_number(const char *text, const Field *field, int *ret)
{
    guint64 number;
    for (int i = 0; field->names != NULL && field->names[i] != NULL; i++) {
        if (g_ascii_strcasecmp(text, field->names[i]) == 0) {
            *ret = field->min + i;
            return true;
        }
    }
    if (!g_ascii_string_to_unsigned(text, 10, (guint64)field->min, (guint64)field->max, &number,
                                    NULL))
        return false;
    *ret = (int)number;
    return true;
}

/* "*", "5", "1-5", "* / 2", "10/5": a part between commas, added to *bits. */
static bool
parse_part(const char *text, const Field *field, uint64_t *bits, bool *is_any)
{
    g_auto(GStrv) steps = g_strsplit(text, "/", 3);
    guint n_steps = g_strv_length(steps);
    guint64 step = 1;
    int from = field->min, to = field->max;
    if (n_steps == 0 || n_steps > 2 ||
        (n_steps == 2 && !g_ascii_string_to_unsigned(steps[1], 10, 1, 1000, &step, NULL)))
        return false;
    if (strcmp(steps[0], "*") == 0 || strcmp(steps[0], "?") == 0) {
        *is_any = *is_any || step == 1;
    } else {
        g_auto(GStrv) ends = g_strsplit(steps[0], "-", 3);
        guint n_ends = g_strv_length(ends);
        if (n_ends == 0 || n_ends > 2 || !parse_number(ends[0], field, &from))
            return false;
        if (n_ends == 2 && !parse_number(ends[1], field, &to))
            return false;
        if (n_ends == 1 && n_steps == 1)
            to = from;
    }
    for (int i = from; i <= to; i += (int)step)
        *bits |= UINT64_C(1) << i;
    return from <= to;
}

static bool
parse_field(const char *text, const Field *field, uint64_t *bits, bool *is_any)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", PARTS_MAX);
    *bits = 0;
    *is_any = false;
    for (guint i = 0; parts[i] != NULL; i++) {
        if (!parse_part(parts[i], field, bits, is_any))
            return false;
    }
    return *bits != 0;
}

static bool
parse_fields(const char *text, CronSchedule *ret)
{
    enum { N = G_N_ELEMENTS(fields) };
    g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
    uint64_t bits[N];
    bool is_any[N];
    size_t n = 0;
    for (guint i = 0; words[i] != NULL; i++) {
        if (words[i][0] == '\0')
            continue;
        if (n == N || !parse_field(words[i], &fields[n], &bits[n], &is_any[n]))
            return false;
        n++;
    }
    if (n != N)
        return false;
    *ret = (CronSchedule){.minutes = bits[0],
                          .hours = (uint32_t)bits[1],
                          .days = (uint32_t)bits[2],
                          .months = (uint32_t)bits[3],
                          .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f),
                          .is_any_day = is_any[2],
                          .is_any_weekday = is_any[4]};
    return true;
}

/* "1h30m": a duration with whole numbers of h, m, s. */
static bool
parse_duration(const char *text, int64_t *ret_s)
{
    enum { NUMBER_MAX = 1000000 };
    int64_t total_s = 0;
    while (*text != '\0') {
        char *end;
        guint64 number = g_ascii_strtoull(text, &end, 10);
        if (end == text || !g_ascii_isdigit(*text) || number > NUMBER_MAX)
            return false;
        int64_t unit = *end == 'h' ? HOUR_S : *end == 'm' ? MINUTE_S : *end == 's' ? 1 : 0;
        if (unit == 0)
            return false;
        total_s += (int64_t)number * unit;
        text = end + 1;
    }
    *ret_s = total_s;
    return total_s > 0;
}

bool
cron_parse(const char *text, CronSchedule *ret_schedule)
{
    static const struct {
        const char *name, *fields;
    } names[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
                 {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
                 {"@hourly", "0 * * * *"}};
    static const char every[] = "@every ";
    *ret_schedule = (CronSchedule){0};
    if (g_str_has_prefix(text, every))
        return parse_duration(text + strlen(every), &ret_schedule->every_s);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(text, names[i].name) == 0)
            return parse_fields(names[i].fields, ret_schedule);
    }
    return parse_fields(text, ret_schedule);
}

/* ---- Times. ---- */

/* When both are restricted, one is enough. */
static bool
is_day(const CronSchedule *schedule, const GDate *day)
{
    guint weekday = (guint)g_date_get_weekday(day) % 7;
    bool is_of_month = (schedule->days >> g_date_get_day(day) & 1) != 0;
    bool is_of_week = (schedule->weekdays >> weekday & 1) != 0;
    if ((schedule->months >> (guint)g_date_get_month(day) & 1) == 0)
        return false;
    return schedule->is_any_day || schedule->is_any_weekday ? is_of_month && is_of_week
                                                            : is_of_month || is_of_week;
}

/* The first time of a day after `after_s`, from a minute of the day on; 0: none. */
static int64_t
first_of_day(const CronSchedule *schedule, GTimeZone *zone, const GDate *day, int from,
             int64_t after_s)
{
    for (int at = MAX(from, 0); at < 24 * 60; at++) {
        int hour = at / 60, minute = at % 60;
        if ((schedule->hours >> hour & 1) == 0 || (schedule->minutes >> minute & 1) == 0)
            continue;
        g_autoptr(GDateTime) time =
            g_date_time_new(zone, g_date_get_year(day), (int)g_date_get_month(day),
                            g_date_get_day(day), hour, minute, 0);
        if (time != NULL && g_date_time_get_hour(time) == hour &&
            g_date_time_get_minute(time) == minute && g_date_time_to_unix(time) > after_s)
            return g_date_time_to_unix(time);
    }
    return 0;
}

int64_t
cron_next(const CronSchedule *schedule, GTimeZone *zone, int64_t after_s)
{
    enum { CLOCK_CHANGE = 2 * 60 }; /* minutes: no clock is put back by more */
    if (schedule->every_s > 0)
        return after_s + schedule->every_s;
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(after_s);
    g_autoptr(GDateTime) local = utc != NULL ? g_date_time_to_timezone(utc, zone) : NULL;
    if (local == NULL)
        return 0;
    int year, month, of_month;
    g_date_time_get_ymd(local, &year, &month, &of_month);
    if (year < 1970 || year > 9000)
        return 0;
    GDate day;
    g_date_clear(&day, 1);
    g_date_set_dmy(&day, (GDateDay)of_month, (GDateMonth)month, (GDateYear)year);
    int from = g_date_time_get_hour(local) * 60 + g_date_time_get_minute(local) - CLOCK_CHANGE;
    for (int i = 0; i < DAYS_AHEAD; i++) {
        if (is_day(schedule, &day)) {
            int64_t time_s = first_of_day(schedule, zone, &day, i == 0 ? from : 0, after_s);
            if (time_s > 0)
                return time_s;
        }
        g_date_add_days(&day, 1);
    }
    return 0;
}

bool
cron_matches(const CronSchedule *schedule, GTimeZone *zone, int64_t time_s)
{
    int64_t minute_s = time_s - time_s % MINUTE_S;
    return schedule->every_s > 0 || cron_next(schedule, zone, minute_s - 1) == minute_s;
}
