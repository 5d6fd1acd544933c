#include "server/ingest/series_labels.h"

#include <string.h>

#include "lib/base/error.h"

enum { PRINT_LENGTH_MAX = 500, QUOTE_LENGTH_MAX = 100 };

const char *
series_labels_get(const Label *labels, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(labels[i].name, name) == 0)
            return labels[i].value;
    }
    return NULL;
}

/* __order__ would say that series are ordered by type and service, which blocks always are: it is
 * never stored. */
bool
series_labels_is_own(const char *name)
{
    static const char *const OWN[] = {
        "__profile_type__", "__type__",          "__unit__",  "__period_type__", "__period_unit__",
        "__service_name__", "__name_replaced__", "__order__", LABEL_SAMPLED,     NULL};
    return name[0] == '_' && g_strv_contains(OWN, name);
}

/* Labels that steer ingestion and are not stored. */
static bool
is_directive(const char *name)
{
    return strcmp(name, "__delta__") == 0 || strcmp(name, SESSION_LABEL) == 0;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const Label *)a)->name, ((const Label *)b)->name);
}

char *
series_labels_print(const Label *labels, size_t n)
{
    g_autofree Label *sorted = g_memdup2(labels, n * sizeof *labels);
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, compare_names);
    g_autoptr(GString) out = g_string_new("{");
    for (size_t i = 0; i < n && out->len < PRINT_LENGTH_MAX; i++)
        g_string_append_printf(out, "%s%s=\"%s\"", i > 0 ? ", " : "", sorted[i].name,
                               sorted[i].value);
    if (out->len >= PRINT_LENGTH_MAX)
        g_string_append(g_string_truncate(out, PRINT_LENGTH_MAX), "…");
    g_string_append_c(out, '}');
    return g_utf8_make_valid(out->str, (gssize)out->len);
}

/* The beginning of a name or value, fit for a message. */
static char *
quote(const char *text)
{
    return g_utf8_make_valid(text, (gssize)strnlen(text, QUOTE_LENGTH_MAX));
}

static IngestReason
refuse(IngestReason reason, const Label *labels, size_t n, const char *what, const char *text,
       GError **error)
{
    g_autofree char *series = series_labels_print(labels, n);
    g_autofree char *quoted = quote(text);
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "profile series '%s' %s: '%s'", series, what,
              quoted);
    return reason;
}

/* One label by itself. */
static IngestReason
check_label(const TenantLimits *limits, const Label *labels, size_t n, const Label *label,
            GError **error)
{
    if (*label->name == '\0')
        return refuse(REASON_INVALID_LABELS, labels, n, "has a label without a name; its value is",
                      label->value, error);
    if (!g_utf8_validate(label->name, -1, NULL))
        return refuse(REASON_INVALID_LABELS, labels, n, "has a label name that is not valid UTF-8",
                      label->name, error);
    if (!g_utf8_validate(label->value, -1, NULL))
        return refuse(REASON_INVALID_LABELS, labels, n,
                      "has a value that is not valid UTF-8, of the label", label->name, error);
    if (strlen(label->name) > (size_t)limits->label_name_length_max) {
        g_autofree char *what = g_strdup_printf(
            "has label name too long, the limit is %" G_GINT64_FORMAT " (max_label_name_length)",
            limits->label_name_length_max);
        return refuse(REASON_LABEL_NAME_TOO_LONG, labels, n, what, label->name, error);
    }
    if (strlen(label->value) > (size_t)limits->label_value_length_max) {
        g_autofree char *what =
            g_strdup_printf("has label value too long, the limit is %" G_GINT64_FORMAT
                            " (max_label_value_length), label",
                            limits->label_value_length_max);
        return refuse(REASON_LABEL_VALUE_TOO_LONG, labels, n, what, label->name, error);
    }
    return REASON_NONE;
}

IngestReason
series_labels_check(const TenantLimits *limits, const Label *labels, size_t n, GError **error)
{
    if (n > (size_t)limits->label_names_max) {
        g_autofree char *series = series_labels_print(labels, n);
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "profile series '%s' has %zu label names; limit %" G_GINT64_FORMAT
                  " (max_label_names_per_series)",
                  series, n, limits->label_names_max);
        return REASON_LABEL_NAMES;
    }
    for (size_t i = 0; i < n; i++) {
        IngestReason reason = check_label(limits, labels, n, &labels[i], error);
        if (reason != REASON_NONE)
            return reason;
        if (series_labels_get(labels, i, labels[i].name) != NULL)
            return refuse(REASON_DUPLICATE_LABELS, labels, n, "has duplicate label name",
                          labels[i].name, error);
    }
    return REASON_NONE;
}

/* ---- Names of the form that Prometheus had before it took any. ---- */

static bool
is_plain(const char *name)
{
    if (g_ascii_isdigit(*name))
        return false;
    for (; *name != '\0'; name++) {
        if (!g_ascii_isalnum(*name) && *name != '_')
            return false;
    }
    return true;
}

char *
series_labels_name(const TenantLimits *limits, const char *text, size_t length)
{
    char *name = g_strndup(text, length);
    return limits->sanitization_disabled ? name : g_strdelimit(name, ".", '_');
}

/* Sets label->name to what it is stored under. */
static IngestReason
rename_label(const TenantLimits *limits, const GArray *labels, Arena *arena, Label *label,
             GError **error)
{
    g_autofree char *name = series_labels_name(limits, label->name, strlen(label->name));
    if (!is_plain(name)) {
        g_autofree char *series = series_labels_print((const Label *)labels->data, labels->len);
        g_autofree char *quoted = quote(label->name);
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "invalid labels '%s' with error: the name '%s' begins with a digit, or has other "
                  "characters than letters of ASCII, digits, '_' and '.' "
                  "(disable_label_sanitization)",
                  series, quoted);
        return REASON_INVALID_LABELS;
    }
    label->name = arena_strndup(arena, name, strlen(name));
    if (label->name != NULL)
        return REASON_NONE;
    error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory for the labels");
    return REASON_PROFILE_SIZE;
}

/* Adds a label to those that are renamed already. One without a value counts for nothing. */
static IngestReason
merge_label(const GArray *labels, const Label *label, GArray *renamed, GError **error)
{
    for (guint i = 0; i < renamed->len; i++) {
        Label *known = &g_array_index(renamed, Label, i);
        if (strcmp(known->name, label->name) != 0)
            continue;
        if (*known->value == '\0')
            known->value = label->value;
        if (*label->value == '\0' || strcmp(known->value, label->value) == 0)
            return REASON_NONE;
        return refuse(REASON_DUPLICATE_LABELS, (const Label *)labels->data, labels->len,
                      "has a duplicate label name once dots are '_' (disable_label_sanitization)",
                      label->name, error);
    }
    g_array_append_val(renamed, *label);
    return REASON_NONE;
}

IngestReason
series_labels_sanitize(const TenantLimits *limits, GArray *labels, Arena *arena, GError **error)
{
    if (limits->sanitization_disabled)
        return REASON_NONE;
    g_autoptr(GArray) renamed = g_array_sized_new(FALSE, FALSE, sizeof(Label), labels->len);
    for (guint i = 0; i < labels->len; i++) {
        Label label = g_array_index(labels, Label, i);
        IngestReason reason = REASON_NONE;
        bool is_renamed = !is_plain(label.name);
        if (is_renamed)
            reason = rename_label(limits, labels, arena, &label, error);
        if (reason == REASON_NONE && !(is_renamed && series_labels_is_own(label.name)))
            reason = merge_label(labels, &label, renamed, error);
        if (reason != REASON_NONE)
            return reason;
    }
    g_array_set_size(labels, 0);
    g_array_append_vals(labels, renamed->data, renamed->len);
    return REASON_NONE;
}

/* ---- What a client sends. ---- */

static IngestReason
take_name(const Label *labels, size_t n, GArray *out, GError **error)
{
    const char *name = series_labels_get(labels, n, "__name__");
    if (name == NULL || *name == '\0') {
        g_autofree char *series = series_labels_print(labels, n);
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "invalid labels '%s' with error: __name__ is missing or empty", series);
        return REASON_INVALID_LABELS;
    }
    Label label = {"__name__", name};
    g_array_append_val(out, label);
    return REASON_NONE;
}

/* What is kept of a checked set. */
static IngestReason
keep_labels(const Label *labels, size_t n, GArray *out, GError **error)
{
    IngestReason reason = take_name(labels, n, out, error);
    if (reason != REASON_NONE)
        return reason;
    const char *service = series_labels_get(labels, n, "service_name");
    Label service_label = {"service_name",
                           service != NULL && *service != '\0' ? service : "unknown_service"};
    g_array_append_val(out, service_label);
    for (size_t i = 0; i < n; i++) {
        const char *name = labels[i].name;
        bool is_taken = strcmp(name, "__name__") == 0 || strcmp(name, "service_name") == 0;
        if (!is_taken && *labels[i].value != '\0' && !series_labels_is_own(name) &&
            !is_directive(name))
            g_array_append_val(out, labels[i]);
    }
    return REASON_NONE;
}

IngestReason
series_labels_take(const TenantLimits *limits, const Label *labels, size_t n, Arena *arena,
                   GArray *ret_labels, GError **error)
{
    g_array_set_size(ret_labels, 0);
    if (n == 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "a profile needs at least one label pair");
        return REASON_MISSING_LABELS;
    }
    IngestReason reason = series_labels_check(limits, labels, n, error);
    if (reason != REASON_NONE)
        return reason;
    g_autoptr(GArray) named = g_array_sized_new(FALSE, FALSE, sizeof(Label), (guint)n);
    g_array_append_vals(named, labels, (guint)n);
    reason = series_labels_sanitize(limits, named, arena, error);
    if (reason == REASON_NONE)
        reason = keep_labels((const Label *)named->data, named->len, ret_labels, error);
    return reason;
}

bool
series_labels_session(const Label *labels, size_t n, int64_t sessions_max, char *ret_text)
{
    const char *text = series_labels_get(labels, n, SESSION_LABEL);
    uint64_t session = 0;
    if (sessions_max <= 0 || text == NULL || strlen(text) != SESSION_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < SESSION_TEXT_BYTES - 1; i++) {
        int digit = g_ascii_xdigit_value(text[i]);
        if (digit < 0)
            return false;
        session = session << 4 | (uint64_t)digit;
    }
    session = GUINT64_SWAP_LE_BE(session) % (uint64_t)sessions_max;
    g_snprintf(ret_text, SESSION_TEXT_BYTES, "%016" G_GINT64_MODIFIER "x",
               GUINT64_SWAP_LE_BE(session));
    return true;
}
