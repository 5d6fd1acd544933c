#include "lib/base/option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/error.h"

typedef struct {
    const char *suffix;
    int64_t scale;
} Unit;

#define NS_PER_S INT64_C(1000000000)

static const Unit DURATIONS[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"d", 86400 * NS_PER_S},
    {"w", 7 * 86400 * NS_PER_S},
};

static const Unit SIZES[] = {
    {"B", 1},
    {"", 1},
    {"k", 1000},
    {"K", 1000},
    {"kB", 1000},
    {"KB", 1000},
    {"Ki", 1024},
    {"KiB", 1024},
    {"M", 1000000},
    {"MB", 1000000},
    {"Mi", 1024 * 1024},
    {"MiB", 1024 * 1024},
    {"G", 1000000000},
    {"GB", 1000000000},
    {"Gi", 1024 * 1024 * 1024},
    {"GiB", 1024 * 1024 * 1024},
    {"T", INT64_C(1000000000000)},
    {"TB", INT64_C(1000000000000)},
    {"Ti", INT64_C(1024) * 1024 * 1024 * 1024},
    {"TiB", INT64_C(1024) * 1024 * 1024 * 1024},
};

static void *
field_of(const OptionRow *row, void *config)
{
    return (char *)config + row->offset;
}

/* Reads digits with an optional fraction at *text and moves it behind them. */
static bool
read_number(const char **text, double *ret_value)
{
    const char *at = *text;
    while (g_ascii_isdigit(*at))
        at++;
    if (at == *text)
        return false;
    if (*at == '.' && g_ascii_isdigit(at[1]))
        for (at++; g_ascii_isdigit(*at);)
            at++;
    g_autofree char *number = g_strndup(*text, (gsize)(at - *text));
    *ret_value = g_ascii_strtod(number, NULL);
    *text = at;
    return true;
}

static const Unit *
find_unit(const Unit *units, size_t n_units, const char *text, size_t length)
{
    for (size_t i = 0; i < n_units; i++)
        if (strlen(units[i].suffix) == length && strncmp(units[i].suffix, text, length) == 0)
            return &units[i];
    return NULL;
}

bool
option_parse_duration(const char *text, int64_t *ret_ns, GError **error)
{
    double total = 0;
    const char *at = text;
    do {
        double value;
        if (!read_number(&at, &value))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "'%s' is not a duration such as 15s, 500ms or 1h30m", text);
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz");
        bool bare = length == 0 && at[0] == '\0' && total == 0;
        const Unit *unit = find_unit(DURATIONS, G_N_ELEMENTS(DURATIONS), at, length);
        if (unit == NULL && !bare)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "'%s' has an unknown unit; use ns, us, ms, s, m, h, d or w", text);
        total += value * (double)(bare ? NS_PER_S : unit->scale);
        at += length;
    } while (*at != '\0');
    if (total >= (double)INT64_MAX)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE, "'%s' is longer than 292 years", text);
    *ret_ns = (int64_t)llround(total);
    return true;
}

bool
option_parse_bytes(const char *text, int64_t *ret_bytes, GError **error)
{
    const char *at = text;
    double value;
    if (!read_number(&at, &value))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "'%s' is not a size such as 4096, 512KiB or 64MiB", text);
    const Unit *unit = find_unit(SIZES, G_N_ELEMENTS(SIZES), at, strlen(at));
    if (unit == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "'%s' has an unknown unit; use k, M, G, T or Ki, Mi, Gi, Ti", text);
    if (value * (double)unit->scale >= (double)INT64_MAX)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE, "'%s' is more than 8 EiB", text);
    *ret_bytes = (int64_t)llround(value * (double)unit->scale);
    return true;
}

static bool
parse_bool(const char *text, bool *ret_value, GError **error)
{
    static const char *const yes[] = {"true", "yes", "on", "1", NULL};
    static const char *const no[] = {"false", "no", "off", "0", NULL};
    g_autofree char *lower = g_ascii_strdown(text, -1);
    if (g_strv_contains(yes, lower))
        *ret_value = true;
    else if (g_strv_contains(no, lower))
        *ret_value = false;
    else
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "'%s' is neither true nor false",
                         text);
    return true;
}

static bool
parse_int(const char *text, int64_t *ret_value, GError **error)
{
    gint64 value;
    GError *cause = NULL;
    if (g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &value, &cause)) {
        *ret_value = value;
        return true;
    }
    bool too_big =
        g_error_matches(cause, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS);
    g_error_free(cause);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     too_big ? "'%s' does not fit in 64 bits" : "'%s' is not a whole number", text);
}

static bool
parse_double(const char *text, double *ret_value, GError **error)
{
    char *end = NULL;
    errno = 0;
    double value = g_ascii_strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(value))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "'%s' is not a number", text);
    *ret_value = value;
    return true;
}

/* A bound as a person would write it. */
static char *
bound_text(const OptionRow *row, double bound)
{
    const Unit *units = row->type == OPTION_DURATION ? DURATIONS : SIZES;
    size_t n_units = row->type == OPTION_DURATION ? G_N_ELEMENTS(DURATIONS) : G_N_ELEMENTS(SIZES);
    if (row->type != OPTION_DURATION && row->type != OPTION_BYTES)
        return g_strdup_printf("%.15g", bound);
    const Unit *best = &units[0];
    for (size_t i = 0; i < n_units; i++)
        if (bound >= (double)units[i].scale && fmod(bound, (double)units[i].scale) == 0 &&
            units[i].scale >= best->scale)
            best = &units[i];
    return g_strdup_printf("%.15g%s", bound / (double)best->scale, best->suffix);
}

/* The value in the largest unit that divides it, of those whose scale grows; 0 in `unit_of_zero`.
 */
static char *
unit_text(const Unit *units, size_t n_units, int64_t unit_of_zero, int64_t value)
{
    const Unit *best = &units[0];
    for (size_t i = 0; i < n_units; i++) {
        bool fits = value != 0 ? value % units[i].scale == 0 : units[i].scale == unit_of_zero;
        if (fits && units[i].scale >= best->scale)
            best = &units[i];
    }
    return g_strdup_printf("%" PRId64 "%s", value / best->scale, best->suffix);
}

char *
option_duration_text(int64_t ns)
{
    return unit_text(DURATIONS, G_N_ELEMENTS(DURATIONS), NS_PER_S, ns);
}

static const void *
value_of(const OptionRow *row, const void *config)
{
    return (const char *)config + row->offset;
}

char *
option_value_text(const OptionRow *row, const void *config)
{
    const void *field = value_of(row, config);
    switch (row->type) {
    case OPTION_STRING: {
        const char *text = *(char *const *)field;
        return g_strdup(text != NULL ? text : "");
    }
    case OPTION_BOOL:
        return g_strdup(*(const bool *)field ? "true" : "false");
    case OPTION_DOUBLE:
        return g_strdup_printf("%.15g", *(const double *)field);
    case OPTION_BYTES:
        return unit_text(SIZES, G_N_ELEMENTS(SIZES), 1, *(const int64_t *)field);
    case OPTION_DURATION:
        return option_duration_text(*(const int64_t *)field);
    default:
        return g_strdup_printf("%" PRId64, *(const int64_t *)field);
    }
}

static bool
lists_equal(GStrv a, GStrv b)
{
    static char *const none[] = {NULL};
    return g_strv_equal((const char *const *)(a != NULL ? a : none),
                        (const char *const *)(b != NULL ? b : none));
}

bool
option_value_equal(const OptionRow *row, const void *a, const void *b)
{
    if (row->type == OPTION_LIST)
        return lists_equal(*(const GStrv *)value_of(row, a), *(const GStrv *)value_of(row, b));
    g_autofree char *text = option_value_text(row, a), *other = option_value_text(row, b);
    return strcmp(text, other) == 0;
}

static bool
check_range(const OptionRow *row, double value, const char *text, GError **error)
{
    if (row->min == 0 && row->max == 0)
        return true;
    if (value >= row->min && value <= row->max)
        return true;
    g_autofree char *min = bound_text(row, row->min);
    g_autofree char *max = bound_text(row, row->max);
    return error_set(error, CRESSET_ERROR_OUT_OF_RANGE, "'%s' is not between %s and %s", text, min,
                     max);
}

static bool
set_number(const OptionRow *row, void *config, const char *text, GError **error)
{
    int64_t value = 0;
    bool parsed = row->type == OPTION_INT     ? parse_int(text, &value, error)
                  : row->type == OPTION_BYTES ? option_parse_bytes(text, &value, error)
                                              : option_parse_duration(text, &value, error);
    if (!parsed || !check_range(row, (double)value, text, error))
        return false;
    *(int64_t *)field_of(row, config) = value;
    return true;
}

static bool
set_double(const OptionRow *row, void *config, const char *text, GError **error)
{
    double value = 0;
    if (!parse_double(text, &value, error) || !check_range(row, value, text, error))
        return false;
    *(double *)field_of(row, config) = value;
    return true;
}

static void
set_list(const OptionRow *row, void *config, const char *const *texts, size_t n_texts)
{
    GStrv list = g_new0(char *, n_texts + 1);
    for (size_t i = 0; i < n_texts; i++)
        list[i] = g_strdup(texts[i]);
    option_value_clear(row, config);
    *(GStrv *)field_of(row, config) = list;
}

bool
option_value_set(const OptionRow *row, void *config, const char *const *texts, size_t n_texts,
                 GError **error)
{
    if (row->type == OPTION_LIST) {
        set_list(row, config, texts, n_texts);
        return true;
    }
    if (n_texts != 1)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "takes one value, not a list");
    switch (row->type) {
    case OPTION_STRING:
        option_value_clear(row, config);
        *(char **)field_of(row, config) = g_strdup(texts[0]);
        return true;
    case OPTION_BOOL:
        return parse_bool(texts[0], field_of(row, config), error);
    case OPTION_DOUBLE:
        return set_double(row, config, texts[0], error);
    default:
        return set_number(row, config, texts[0], error);
    }
}

char **
option_value_split(const OptionRow *row, const char *text)
{
    if (row->type != OPTION_LIST)
        return g_strdupv((char *[]){(char *)text, NULL});
    char **parts = g_strsplit(text, ",", -1);
    size_t kept = 0;
    for (size_t i = 0; parts[i] != NULL; i++) {
        if (*g_strstrip(parts[i]) != '\0')
            parts[kept++] = parts[i];
        else
            g_free(parts[i]);
    }
    parts[kept] = NULL;
    return parts;
}

void
option_value_clear(const OptionRow *row, void *config)
{
    if (row->type == OPTION_STRING)
        g_clear_pointer((char **)field_of(row, config), g_free);
    else if (row->type == OPTION_LIST)
        g_clear_pointer((GStrv *)field_of(row, config), g_strfreev);
}

const char *
option_value_argument(const OptionRow *row)
{
    static const char *const words[] = {
        [OPTION_STRING] = "TEXT",   [OPTION_LIST] = "TEXT",     [OPTION_BOOL] = "true|false",
        [OPTION_INT] = "NUMBER",    [OPTION_DOUBLE] = "NUMBER", [OPTION_BYTES] = "SIZE",
        [OPTION_DURATION] = "TIME",
    };
    return row->argument != NULL ? row->argument : words[row->type];
}
