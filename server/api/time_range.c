#include "server/api/time_range.h"

#include <string.h>

#include "lib/base/error.h"

#define NS_PER_MS       INT64_C(1000000)
#define NS_PER_SECOND   INT64_C(1000000000)
#define SECONDS_PER_DAY INT64_C(86400)

static int64_t
ms_to_ns(int64_t ms)
{
    return CLAMP(ms, 0, INT64_MAX / NS_PER_MS) * NS_PER_MS;
}

/* "36h0m0s" style text is overkill; hours and minutes read well enough. */
static char *
duration_text(int64_t ns)
{
    int64_t minutes = ns / NS_PER_SECOND / 60;
    if (minutes == 0)
        return g_strdup_printf("%" G_GINT64_FORMAT "s", ns / NS_PER_SECOND);
    return g_strdup_printf("%" G_GINT64_FORMAT "h%" G_GINT64_FORMAT "m", minutes / 60,
                           minutes % 60);
}

TimeRangeResult
time_range_resolve(int64_t start_ms, int64_t end_ms, int64_t now_ns, int64_t lookback_ns,
                   int64_t length_max_ns, TimeRange *ret_range, GError **error)
{
    if (start_ms == 0 || end_ms == 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "missing time range in the query");
        return TIME_RANGE_BAD;
    }
    if (start_ms > end_ms) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "query start time is after end time");
        return TIME_RANGE_BAD;
    }
    int64_t start_ns = ms_to_ns(start_ms), end_ns = ms_to_ns(end_ms);
    int64_t oldest_ns = lookback_ns > 0 ? now_ns - lookback_ns : 0;
    if (end_ns < oldest_ns)
        return TIME_RANGE_EMPTY;
    start_ns = MAX(start_ns, oldest_ns);
    if (length_max_ns > 0 && end_ns - start_ns > length_max_ns) {
        g_autofree char *actual = duration_text(end_ns - start_ns);
        g_autofree char *limit = duration_text(length_max_ns);
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "the query time range exceeds the limit (max_query_length, actual: %s, limit: "
                  "%s)",
                  actual, limit);
        return TIME_RANGE_BAD;
    }
    /* A millisecond names everything that happened in it, as far as nanoseconds reach. */
    int64_t rest_ns = MIN(NS_PER_MS - 1, INT64_MAX - end_ns);
    *ret_range = (TimeRange){.start_ns = start_ns, .end_ns = end_ns + rest_ns};
    return TIME_RANGE_OK;
}

/* 8 digits that make a date; false otherwise. */
static bool
parse_date(const char *digits, int64_t *ret_ns)
{
    int64_t number = g_ascii_strtoll(digits, NULL, 10);
    int year = (int)(number / 10000), month = (int)(number / 100 % 100), day = (int)(number % 100);
    if (year < 1970 || year > 2200)
        return false;
    g_autoptr(GDateTime) date = g_date_time_new_utc(year, month, day, 0, 0, 0);
    if (date == NULL)
        return false;
    *ret_ns = g_date_time_to_unix(date) * NS_PER_SECOND;
    return true;
}

static int64_t
parse_digits(const char *digits, size_t length)
{
    int64_t number = g_ascii_strtoll(digits, NULL, 10), ns;
    if (length == 8 && parse_date(digits, &ns))
        return ns;
    if (length == 13)
        return number * NS_PER_MS;
    if (length == 16)
        return number * 1000;
    if (length == 19)
        return number;
    return number > INT64_MAX / NS_PER_SECOND ? INT64_MAX : number * NS_PER_SECOND;
}

/* Seconds of the unit that `text` begins with; 0 when unknown. Month before minute: "mon" is not
 * "m". */
static int64_t
unit_seconds(const char *text)
{
    static const struct {
        const char *prefix;
        int64_t seconds;
    } units[] = {
        {"mon", 30 * SECONDS_PER_DAY},
        {"M", 30 * SECONDS_PER_DAY},
        {"s", 1},
        {"m", 60},
        {"h", 3600},
        {"d", SECONDS_PER_DAY},
        {"w", 7 * SECONDS_PER_DAY},
        {"y", 365 * SECONDS_PER_DAY},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (g_str_has_prefix(text, units[i].prefix))
            return units[i].seconds;
    }
    return 0;
}

/* Adds up "1h30m". */
static int64_t
parse_offset(const char *text)
{
    int64_t seconds = 0;
    while (*text != '\0') {
        char *unit;
        int64_t count = g_ascii_strtoll(text, &unit, 10), each = unit_seconds(unit), product, sum;
        if (unit == text)
            break;
        if (__builtin_mul_overflow(count, each, &product) ||
            __builtin_add_overflow(seconds, product, &sum))
            return 0;
        seconds = sum;
        text = unit;
        while (g_ascii_isalpha(*text))
            text++;
    }
    return seconds;
}

int64_t
time_text_parse(const char *text, int64_t now_ns)
{
    g_autoptr(GString) clean = g_string_new(NULL);
    for (; text != NULL && *text != '\0'; text++) {
        if (strchr(" _,", *text) == NULL)
            g_string_append_c(clean, *text);
    }
    if (clean->len > 0 && strspn(clean->str, "0123456789") == clean->len)
        return parse_digits(clean->str, clean->len);
    const char *sign = strpbrk(clean->str, "+-");
    if (sign == NULL)
        return now_ns;
    int64_t seconds = parse_offset(sign + 1), ns, sum;
    int64_t unit_ns = *sign == '-' ? -NS_PER_SECOND : NS_PER_SECOND;
    if (__builtin_mul_overflow(seconds, unit_ns, &ns) || __builtin_add_overflow(now_ns, ns, &sum))
        return now_ns;
    return sum;
}
