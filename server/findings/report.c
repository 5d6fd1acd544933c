#include "server/findings/report.h"

#include <jansson.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/json_text.h"
#include "server/findings/severity.h"

/* Of JSON, which take some 64 bytes each once parsed. */
enum { VALUES_MAX = 1024 * 1024 };
#define NS_PER_SECOND INT64_C(1000000000)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* A JSON object within the report, and where it stands. */
typedef struct {
    const json_t *object;
    const char *path; /* "findings[3]."; "" at the top */
    const FindingReportLimits *limits;
} Place;

static void
unverified_free(void *data)
{
    FindingUnverified *unverified = data;
    g_free(unverified->check);
    g_free(unverified->kind);
    g_free(unverified->ns);
    g_free(unverified->name);
    g_free(unverified);
}

static void
free_finding(void *finding)
{
    finding_free(finding);
}

void
finding_report_free(FindingReport *report)
{
    if (report == NULL)
        return;
    g_free(report->cluster);
    g_ptr_array_unref(report->findings);
    g_ptr_array_unref(report->unverified);
    g_hash_table_unref(report->explained);
    g_free(report);
}

char *
finding_object_key(const char *check, const char *kind, const char *ns, const char *name)
{
    return g_strjoin("\n", check, kind, ns, name, NULL);
}

bool
finding_time_parse(const char *text, int64_t *ret_ns)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    if (time == NULL)
        return false;
    int64_t seconds = g_date_time_to_unix(time);
    if (seconds <= 0 || seconds >= INT64_MAX / NS_PER_SECOND)
        return false;
    *ret_ns = seconds * NS_PER_SECOND + g_date_time_get_microsecond(time) * INT64_C(1000);
    return true;
}

/* ---- Members. ---- */

/* NULL with *error when the member is no text or too long. */
static char *
read_text(const Place *place, const char *key, bool is_name, GError **error)
{
    const json_t *value = json_object_get(place->object, key);
    size_t length = json_string_length(value);
    if (!json_is_string(value)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s%s must be a text", place->path, key);
        return NULL;
    }
    if (is_name && length > FINDING_NAME_MAX) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s%s is longer than %d bytes",
                  place->path, key, FINDING_NAME_MAX);
        return NULL;
    }
    if (!is_name && length > (size_t)place->limits->text_max) {
        error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                  "%s%s has %zu bytes (max_finding_text_length is %" G_GINT64_FORMAT ")",
                  place->path, key, length, place->limits->text_max);
        return NULL;
    }
    return g_strdup(json_string_value(value));
}

static bool
read_name(const Place *place, const char *key, char **ret_text, GError **error)
{
    *ret_text = read_text(place, key, true, error);
    return *ret_text != NULL;
}

/* A name that says something. */
static bool
read_required(const Place *place, const char *key, char **ret_text, GError **error)
{
    return read_name(place, key, ret_text, error) &&
           (**ret_text != '\0' || error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                            "%s%s must not be empty", place->path, key));
}

static bool
read_words(const Place *place, const char *key, char **ret_text, GError **error)
{
    *ret_text = read_text(place, key, false, error);
    return *ret_text != NULL;
}

static const json_t *
read_list(const Place *place, const char *key, GError **error)
{
    const json_t *list = json_object_get(place->object, key);
    if (json_is_array(list))
        return list;
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s%s must be a list", place->path, key);
    return NULL;
}

/* The JSON text of a value, owned by the caller. */
static char *
dump(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text); /* jansson's */
    return copy;
}

static bool
read_lines(const Place *place, const char *key, char **ret_json, GError **error)
{
    const json_t *list = read_list(place, key, error), *line;
    size_t i;
    if (list == NULL)
        return false;
    json_array_foreach((json_t *)(uintptr_t)list, i, line)
    {
        if (!json_is_string(line))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s%s[%zu] must be a text",
                             place->path, key, i);
        if (json_string_length(line) > (size_t)place->limits->text_max)
            return error_set(
                error, CRESSET_ERROR_OUT_OF_RANGE,
                "%s%s[%zu] has %zu bytes (max_finding_text_length is %" G_GINT64_FORMAT ")",
                place->path, key, i, json_string_length(line), place->limits->text_max);
    }
    *ret_json = dump(list);
    return true;
}

static bool
read_severity(const Place *place, int64_t *ret_severity, GError **error)
{
    g_autofree char *word = read_text(place, "severity", true, error);
    if (word == NULL)
        return false;
    return finding_severity_parse(word, ret_severity) ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "%sseverity '%.40s' is none of info, low, medium, high, critical", place->path,
                     word);
}

static bool
read_time(const Place *place, const char *key, int64_t *ret_ns, GError **error)
{
    g_autofree char *text = read_text(place, key, true, error);
    if (text == NULL)
        return false;
    return finding_time_parse(text, ret_ns) ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "%s%s '%.40s' is no time from 1970 to 2262 as 2026-01-31T12:00:00Z",
                     place->path, key, text);
}

static bool
read_since(const Place *place, int64_t *ret_ns, GError **error)
{
    *ret_ns = 0;
    return json_is_null(json_object_get(place->object, "since")) ||
           read_time(place, "since", ret_ns, error);
}

static bool
read_fingerprint(const Place *place, char **ret_text, GError **error)
{
    if (!read_required(place, "fingerprint", ret_text, error))
        return false;
    size_t length = strlen(*ret_text);
    return (length <= FINDING_FINGERPRINT_MAX &&
            strspn(*ret_text, "0123456789abcdefABCDEF") == length) ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "%sfingerprint must be at most %d hexadecimal digits", place->path,
                     FINDING_FINGERPRINT_MAX);
}

/* An object of the cluster: {kind, namespace, name}. */
static bool
read_object(const Place *place, char **ret_kind, char **ret_ns, char **ret_name, GError **error)
{
    const json_t *object = json_object_get(place->object, "object");
    if (!json_is_object(object))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%sobject must have kind, namespace and name", place->path);
    g_autofree char *path = g_strconcat(place->path, "object.", NULL);
    const Place within = {object, path, place->limits};
    return read_name(&within, "kind", ret_kind, error) &&
           read_name(&within, "namespace", ret_ns, error) &&
           read_name(&within, "name", ret_name, error);
}

/* ---- Lists of objects. ---- */

typedef bool (*ItemFunc)(const Place *place, FindingReport *report, void *data, GError **error);

/* Calls `func` for each object of the list `key`. */
static bool
each_item(const Place *place, FindingReport *report, const char *key, ItemFunc func, void *data,
          GError **error)
{
    const json_t *list = read_list(place, key, error), *item;
    size_t i;
    if (list == NULL)
        return false;
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        g_autofree char *path = g_strdup_printf("%s%s[%zu].", place->path, key, i);
        const Place within = {item, path, place->limits};
        if (!json_is_object(item))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s%s[%zu] must be an object",
                             place->path, key, i);
        if (!func(&within, report, data, error))
            return false;
    }
    return true;
}

/* Remembers what a finding explains, and adds it to the list `data` in the form that is kept. */
static bool
read_explained(const Place *place, FindingReport *report, void *data, GError **error)
{
    g_autofree char *check = NULL, *kind = NULL, *ns = NULL, *name = NULL;
    if (!read_required(place, "check", &check, error) ||
        !read_object(place, &kind, &ns, &name, error))
        return false;
    json_t *kept = json_pack("{s:s, s:{s:s, s:s, s:s}}", "check", check, "object", "kind", kind,
                             "namespace", ns, "name", name);
    g_hash_table_add(report->explained, finding_object_key(check, kind, ns, name));
    return json_array_append_new(data, kept) == 0 ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%scheck is not UTF-8", place->path);
}

static bool
read_explains(const Place *place, FindingReport *report, char **ret_json, GError **error)
{
    g_autoptr(json_t) list = json_array();
    if (!each_item(place, report, "explains", read_explained, list, error))
        return false;
    *ret_json = dump(list);
    return true;
}

/* ---- What may be absent. ---- */

static bool
has(const Place *place, const char *key)
{
    return json_object_get(place->object, key) != NULL;
}

/* Adds a link to the list `data` in the form that is kept. */
static bool
read_link(const Place *place, FindingReport *report, void *data, GError **error)
{
    g_autofree char *label = NULL, *url = NULL;
    (void)report;
    if (!read_words(place, "label", &label, error) || !read_words(place, "url", &url, error))
        return false;
    if (!g_str_has_prefix(url, "https://") && !g_str_has_prefix(url, "http://"))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%surl must begin with http:// or https://", place->path);
    return json_array_append_new(data, json_pack("{s:s, s:s}", "label", label, "url", url)) == 0 ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%slabel is not UTF-8", place->path);
}

static bool
read_links(const Place *place, FindingReport *report, char **ret_json, GError **error)
{
    g_autoptr(json_t) list = json_array();
    if (has(place, "links") && !each_item(place, report, "links", read_link, list, error))
        return false;
    *ret_json = dump(list);
    return true;
}

static bool
read_changes(const Place *place, char **ret_json, GError **error)
{
    if (has(place, "changes"))
        return read_lines(place, "changes", ret_json, error);
    *ret_json = g_strdup("[]");
    return true;
}

static bool
read_note(const Place *place, char **ret_text, GError **error)
{
    if (has(place, "note"))
        return read_words(place, "note", ret_text, error);
    *ret_text = g_strdup("");
    return true;
}

/* `data` is the set of fingerprints so far. */
static bool
read_finding(const Place *place, FindingReport *report, void *data, GError **error)
{
    g_autoptr(Finding) finding = g_new0(Finding, 1);
    finding->cluster = g_strdup(report->cluster);
    if (!read_required(place, "check", &finding->check, error) ||
        !read_severity(place, &finding->severity, error) ||
        !read_object(place, &finding->kind, &finding->ns, &finding->name, error) ||
        !read_since(place, &finding->since_ns, error) ||
        !read_words(place, "title", &finding->title, error) ||
        !read_words(place, "cause", &finding->cause, error) ||
        !read_lines(place, "evidence", &finding->evidence, error) ||
        !read_lines(place, "fix", &finding->fix, error) ||
        !read_explains(place, report, &finding->explains, error) ||
        !read_changes(place, &finding->changes, error) ||
        !read_links(place, report, &finding->links, error) ||
        !read_note(place, &finding->note, error) ||
        !read_fingerprint(place, &finding->fingerprint, error))
        return false;
    if (!g_hash_table_add(data, finding->fingerprint))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "%sfingerprint is that of another finding too", place->path);
    g_ptr_array_add(report->findings, g_steal_pointer(&finding));
    return true;
}

static bool
read_unverified(const Place *place, FindingReport *report, void *data, GError **error)
{
    (void)data;
    FindingUnverified *unverified = g_new0(FindingUnverified, 1);
    g_ptr_array_add(report->unverified, unverified);
    return read_required(place, "check", &unverified->check, error) &&
           read_object(place, &unverified->kind, &unverified->ns, &unverified->name, error);
}

static bool
read_report(const Place *top, FindingReport *report, GError **error)
{
    size_t n = json_array_size(json_object_get(top->object, "findings"));
    if (!json_is_object(top->object))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the report must be an object with cluster, clock, findings and "
                         "unverified");
    if (n > (size_t)top->limits->findings_max)
        return error_set(error, CRESSET_ERROR_OUT_OF_RANGE,
                         "findings has %zu of them (max_findings_per_cluster is %" G_GINT64_FORMAT
                         ")",
                         n, top->limits->findings_max);
    g_autoptr(GHashTable) fingerprints = g_hash_table_new(g_str_hash, g_str_equal);
    return read_name(top, "cluster", &report->cluster, error) &&
           read_time(top, "clock", &report->clock_ns, error) &&
           each_item(top, report, "findings", read_finding, fingerprints, error) &&
           each_item(top, report, "unverified", read_unverified, NULL, error);
}

FindingReport *
finding_report_decode(const void *text, size_t size, const FindingReportLimits *limits,
                      GError **error)
{
    json_error_t failure;
    if (json_text_has_more_values(text, size, VALUES_MAX)) {
        error_set(error, CRESSET_ERROR_OUT_OF_RANGE, "the report has more than %d values of JSON",
                  VALUES_MAX);
        return NULL;
    }
    g_autoptr(json_t) root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &failure);
    if (root == NULL) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the report is no JSON: line %d: %s",
                  failure.line, failure.text);
        return NULL;
    }
    g_autoptr(FindingReport) report = g_new0(FindingReport, 1);
    report->findings = g_ptr_array_new_with_free_func(free_finding);
    report->unverified = g_ptr_array_new_with_free_func(unverified_free);
    report->explained = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const Place top = {root, "", limits};
    return read_report(&top, report, error) ? g_steal_pointer(&report) : NULL;
}
