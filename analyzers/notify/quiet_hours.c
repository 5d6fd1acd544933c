#include "analyzers/notify/quiet_hours.h"

#include <string.h>

#include "lib/base/yaml_field.h"

enum { MINUTES_PER_DAY = 24 * 60, ALL_DAYS = 0xfe };

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static void
window_free(gpointer data)
{
    QuietWindow *window = data;
    g_clear_pointer(&window->zone, g_time_zone_unref);
    g_free(window);
}

QuietHours *
quiet_hours_new(void)
{
    QuietHours *hours = g_new0(QuietHours, 1);
    hours->windows = g_ptr_array_new_with_free_func(window_free);
    return hours;
}

void
quiet_hours_free(QuietHours *hours)
{
    if (hours == NULL)
        return;
    g_ptr_array_unref(hours->windows);
    g_free(hours);
}

/* ---- Reading. ---- */

bool
clock_read(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    if (!g_regex_match_simple("^([01][0-9]|2[0-3]):[0-5][0-9]$", text, 0, 0))
        return yaml_fail(tree, node, error, "%s: '%s' is not a time of the day like \"22:30\"", key,
                         text);
    *(int *)place =
        (int)(g_ascii_strtoll(text, NULL, 10) * 60 + g_ascii_strtoll(text + 3, NULL, 10));
    return true;
}

bool
time_zone_read(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    GTimeZone **field = place;
    const char *text = yaml_text(tree, node, key, error);
    if (text == NULL)
        return false;
    g_clear_pointer(field, g_time_zone_unref);
    *field = g_time_zone_new_identifier(text);
    return *field != NULL ||
           yaml_fail(tree, node, error,
                     "%s: there is no time zone '%s' (Europe/Berlin is one, if the zones are "
                     "installed)",
                     key, text);
}

static bool
read_days(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    g_auto(GStrv) names = yaml_texts(tree, node, key, error);
    unsigned days = 0;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        size_t at = 0;
        while (at < G_N_ELEMENTS(day_names) && strcmp(names[i], day_names[at]) != 0)
            at++;
        if (at == G_N_ELEMENTS(day_names))
            return yaml_fail(tree, node, error,
                             "%s: '%s' is none of mon, tue, wed, thu, fri, sat, sun", key,
                             names[i]);
        days |= 1u << (at + 1);
    }
    *(unsigned *)place = days;
    return names != NULL;
}

static const YamlField window_fields[] = {
    {"days", read_days, offsetof(QuietWindow, days)},
    {"from", clock_read, offsetof(QuietWindow, from_min)},
    {"to", clock_read, offsetof(QuietWindow, to_min)},
    {"time_zone", time_zone_read, offsetof(QuietWindow, zone)},
};

static bool
read_window(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    QuietHours *hours = data;
    QuietWindow *window = g_new0(QuietWindow, 1);
    *window = (QuietWindow){.days = ALL_DAYS, .from_min = -1, .to_min = -1};
    g_ptr_array_add(hours->windows, window);
    if (!yaml_read_fields(tree, item, "quiet hours", window_fields, G_N_ELEMENTS(window_fields),
                          window, error))
        return false;
    if (window->zone == NULL)
        window->zone = g_time_zone_new_utc();
    return (window->from_min >= 0 && window->to_min >= 0) ||
           yaml_fail(tree, item, error, "quiet hours need from and to");
}

bool
quiet_hours_read(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    QuietHours **field = place;
    if (*field == NULL)
        *field = quiet_hours_new();
    return yaml_each_item(tree, node, key, read_window, *field, error);
}

/* ---- Looking at the clock. ---- */

/* The time at which the clock on the wall says so, on the day of `day` and so many later. */
static int64_t
time_at(GTimeZone *zone, GDateTime *day, int days_later, int minutes)
{
    g_autoptr(GDateTime) other = g_date_time_add_days(day, days_later);
    if (other == NULL)
        return 0;
    g_autoptr(GDateTime) time =
        g_date_time_new(zone, g_date_time_get_year(other), g_date_time_get_month(other),
                        g_date_time_get_day_of_month(other), minutes / 60, minutes % 60, 0);
    return time != NULL ? g_date_time_to_unix(time) : 0;
}

static GDateTime *
local_time(GTimeZone *zone, int64_t now_s)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now_s);
    return utc != NULL ? g_date_time_to_timezone(utc, zone) : NULL;
}

/* The end of the window that is on, begun today or yesterday; `now_s` when it is not on. */
static int64_t
window_end(const QuietWindow *window, int64_t now_s)
{
    g_autoptr(GDateTime) today = local_time(window->zone, now_s);
    int n_days = window->to_min <= window->from_min ? 1 : 0;
    for (int back = 0; today != NULL && back <= n_days; back++) {
        g_autoptr(GDateTime) day = g_date_time_add_days(today, -back);
        int64_t from_s = time_at(window->zone, today, -back, window->from_min);
        int64_t to_s = time_at(window->zone, today, n_days - back, window->to_min);
        if ((window->days >> g_date_time_get_day_of_week(day) & 1) != 0 && from_s <= now_s &&
            now_s < to_s)
            return to_s;
    }
    return now_s;
}

int64_t
quiet_hours_end(const QuietHours *hours, int64_t now_s)
{
    enum { STEPS_MAX = 14 };
    const int64_t latest_s = now_s + (int64_t)7 * MINUTES_PER_DAY * 60;
    int64_t end_s = now_s;
    for (int step = 0; hours != NULL && step < STEPS_MAX; step++) {
        int64_t before_s = end_s;
        for (guint i = 0; i < hours->windows->len; i++)
            end_s = MAX(end_s, window_end(hours->windows->pdata[i], end_s));
        if (end_s == before_s || end_s > latest_s)
            break;
    }
    return MIN(end_s, latest_s);
}

int64_t
clock_last(GTimeZone *zone, int minutes, int64_t now_s)
{
    g_autoptr(GDateTime) today = local_time(zone, now_s);
    if (today == NULL)
        return 0;
    int64_t at_s = time_at(zone, today, 0, minutes);
    return at_s <= now_s ? at_s : time_at(zone, today, -1, minutes);
}
