#include "server/api/findings.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "server/api/finding_cursor.h"
#include "server/api/finding_json.h"
#include "server/api/params.h"
#include "server/findings/severity.h"

enum { LIMIT_DEFAULT = 500, LIMIT_MAX = 5000 };

#define NS_PER_MS INT64_C(1000000)

/* ---- Several tenants. ---- */

/* What one tenant has. */
typedef GPtrArray *(*ListFunc)(Store *store, const char *tenant, const void *query, GError **error);

/* What each of the tenants of a read has, merged. */
typedef struct {
    const char *member; /* of the answer */
    ListFunc list;
    GCompareFunc compare; /* of rows; NULL: tenant after tenant */
    void (*write)(JsonWriter *json, const char *tenant, const void *item);
    FindingPlace (*place)(const char *tenant, const void *item); /* NULL: it has no pages */
    int64_t limit;                                               /* 0: none */
    bool is_cut; /* a list is not whole for another reason */
} Merge;

typedef struct {
    const char *tenant;
    const void *item; /* borrowed */
} Row;

typedef struct {
    GStrv tenants;
    GPtrArray *lists; /* GPtrArray */
    GArray *rows;     /* Row */
    bool is_truncated;
} Rows;

static void
free_list(void *list)
{
    g_ptr_array_unref(list);
}

static void
rows_clear(Rows *rows)
{
    g_strfreev(rows->tenants);
    g_clear_pointer(&rows->lists, g_ptr_array_unref);
    g_clear_pointer(&rows->rows, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rows, rows_clear)

/* Of each list one more than the limit is asked for, which tells whether it is all. */
static bool
rows_init(Rows *rows, const HttpRequest *request, const Api *api, const Merge *merge,
          const void *query, GError **error)
{
    rows->tenants = g_strsplit(request->tenant, "|", -1);
    rows->lists = g_ptr_array_new_with_free_func(free_list);
    rows->rows = g_array_new(FALSE, FALSE, sizeof(Row));
    for (size_t i = 0; rows->tenants[i] != NULL; i++) {
        GPtrArray *list = merge->list(api->store, rows->tenants[i], query, error);
        if (list == NULL)
            return false;
        g_ptr_array_add(rows->lists, list);
        for (guint at = 0; at < list->len; at++) {
            const Row row = {rows->tenants[i], list->pdata[at]};
            g_array_append_val(rows->rows, row);
        }
    }
    if (merge->compare != NULL && rows->tenants[1] != NULL)
        g_array_sort(rows->rows, merge->compare);
    bool is_over = merge->limit > 0 && rows->rows->len > merge->limit;
    rows->is_truncated = is_over || merge->is_cut;
    if (is_over)
        g_array_set_size(rows->rows, (guint)merge->limit);
    return true;
}

static void
write_rows(JsonWriter *json, const Rows *rows, const Merge *merge)
{
    jsonw_key(json, merge->member);
    jsonw_array_begin(json);
    for (guint i = 0; i < rows->rows->len; i++) {
        const Row *row = &g_array_index(rows->rows, Row, i);
        merge->write(json, row->tenant, row->item);
    }
    jsonw_array_end(json);
}

/* Where the next page begins, or null. Of several lists that were cut at different places nobody
 * knows. */
static void
write_next(JsonWriter *json, const Rows *rows, const Merge *merge)
{
    jsonw_key(json, "next");
    bool is_known = rows->rows->len > 0 && (!merge->is_cut || rows->lists->len == 1);
    if (!rows->is_truncated || !is_known) {
        jsonw_null(json);
        return;
    }
    const Row *last = &g_array_index(rows->rows, Row, rows->rows->len - 1);
    FindingPlace place = merge->place(last->tenant, last->item);
    if (rows->lists->len == 1)
        place.tenant = ""; /* that of the request */
    g_autofree char *text = finding_cursor_text(&place);
    jsonw_string(json, text);
}

/* {member: […], "truncated": false, "next": null} */
static GBytes *
merge_document(const HttpRequest *request, const Api *api, const Merge *merge, const void *query,
               GError **error)
{
    g_auto(Rows) rows = {0};
    if (!rows_init(&rows, request, api, merge, query, error))
        return NULL;
    JsonWriter json;
    jsonw_init(&json, 4096);
    jsonw_object_begin(&json);
    write_rows(&json, &rows, merge);
    if (merge->limit > 0) {
        jsonw_key(&json, "truncated");
        jsonw_bool(&json, rows.is_truncated);
        write_next(&json, &rows, merge);
    }
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static int
order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* The worst first, then the newest. */
static gint
compare_findings(gconstpointer a, gconstpointer b)
{
    const Row *left_row = a, *right_row = b;
    const Finding *left = left_row->item, *right = right_row->item;
    int by_severity = order(right->severity, left->severity);
    int by_time = order(right->opened_ns, left->opened_ns);
    if (by_severity != 0 || by_time != 0)
        return by_severity != 0 ? by_severity : by_time;
    int by_cluster = strcmp(left->cluster, right->cluster);
    int by_fingerprint = strcmp(left->fingerprint, right->fingerprint);
    if (by_cluster != 0 || by_fingerprint != 0)
        return by_cluster != 0 ? by_cluster : by_fingerprint;
    return strcmp(left_row->tenant, right_row->tenant);
}

/* The newest first. */
static gint
compare_transitions(gconstpointer a, gconstpointer b)
{
    const Row *left_row = a, *right_row = b;
    const FindingTransition *left = left_row->item, *right = right_row->item;
    int by_time = order(right->time_ns, left->time_ns);
    int by_cluster = strcmp(left->cluster, right->cluster);
    if (by_time != 0 || by_cluster != 0)
        return by_time != 0 ? by_time : by_cluster;
    int by_report = order(right->report, left->report);
    int by_fingerprint = strcmp(left->fingerprint, right->fingerprint);
    if (by_report != 0 || by_fingerprint != 0)
        return by_report != 0 ? by_report : by_fingerprint;
    return strcmp(left_row->tenant, right_row->tenant);
}

static FindingPlace
place_of_finding(const char *tenant, const void *item)
{
    const Finding *finding = item;
    return (FindingPlace){finding->severity, finding->opened_ns, finding->cluster,
                          finding->fingerprint, tenant};
}

static FindingPlace
place_of_transition(const char *tenant, const void *item)
{
    const FindingTransition *transition = item;
    return (FindingPlace){transition->time_ns, transition->report, transition->cluster,
                          transition->fingerprint, tenant};
}

static GPtrArray *
list_findings(Store *store, const char *tenant, const void *query, GError **error)
{
    return store_finding_list(store, tenant, query, error);
}

static GPtrArray *
list_transitions(Store *store, const char *tenant, const void *query, GError **error)
{
    return store_finding_transitions(store, tenant, query, error);
}

static GPtrArray *
list_clusters(Store *store, const char *tenant, const void *query, GError **error)
{
    (void)query;
    return store_finding_clusters(store, tenant, error);
}

/* ---- Parameters. ---- */

static bool
read_limit(const HttpRequest *request, int64_t *ret_limit, GError **error)
{
    if (!params_read_number(request, "limit", LIMIT_DEFAULT, ret_limit, error))
        return false;
    return (*ret_limit >= 1 && *ret_limit <= LIMIT_MAX) ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "parameter limit must be from 1 to %d",
                     LIMIT_MAX);
}

static bool
read_severity(const HttpRequest *request, int64_t *ret_severity, GError **error)
{
    const char *word = http_request_param(request, "severity");
    *ret_severity = 0;
    return word == NULL || finding_severity_parse(word, ret_severity) ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "parameter severity must be info, low, medium, high or critical: got '%s'",
                     word);
}

static bool
read_state(const HttpRequest *request, FindingState *ret_state, GError **error)
{
    static const char *const words[] = {[FINDING_STATE_RESOLVED] = "resolved",
                                        [FINDING_STATE_OPEN] = "open",
                                        [FINDING_STATE_ALL] = "all"};
    const char *word = http_request_param(request, "state");
    *ret_state = FINDING_STATE_OPEN;
    if (word == NULL)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(words[i], word) == 0) {
            *ret_state = (FindingState)i;
            return true;
        }
    }
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "parameter state must be open, resolved or all: got '%s'", word);
}

/* Milliseconds as nanoseconds, as far as these reach. */
static bool
read_time(const HttpRequest *request, const char *name, int64_t otherwise_ns, int64_t *ret_ns,
          GError **error)
{
    int64_t ms;
    if (!params_read_number(request, name, otherwise_ns / NS_PER_MS, &ms, error))
        return false;
    *ret_ns = CLAMP(ms, 0, INT64_MAX / NS_PER_MS) * NS_PER_MS;
    return true;
}

/* ---- Endpoints. ---- */

/* NULL: the list is to be begun. */
static const FindingPlace *
place_after(const HttpRequest *request, FindingCursor *cursor)
{
    if (cursor->words == NULL)
        return NULL;
    if (cursor->place.tenant[0] == '\0')
        cursor->place.tenant = request->tenant;
    return &cursor->place;
}

static GBytes *
run_list(const HttpRequest *request, const Api *api, GError **error)
{
    FindingQuery query = {.cluster = http_request_param(request, "cluster"),
                          .ns = http_request_param(request, "namespace"),
                          .kind = http_request_param(request, "kind"),
                          .check = http_request_param(request, "check")};
    Merge merge = {
        "findings", list_findings, compare_findings, finding_json_write, place_of_finding,
        0,          false};
    g_auto(FindingCursor) cursor = {0};
    if (!finding_cursor_read(http_request_param(request, "cursor"), &cursor, error) ||
        !read_severity(request, &query.severity_min, error) ||
        !read_state(request, &query.state, error) || !read_limit(request, &merge.limit, error))
        return NULL;
    query.limit = merge.limit + 1;
    query.is_cut = &merge.is_cut;
    query.after = place_after(request, &cursor);
    return merge_document(request, api, &merge, &query, error);
}

static GBytes *
run_transitions(const HttpRequest *request, const Api *api, GError **error)
{
    FindingTransitionQuery query = {.cluster = http_request_param(request, "cluster")};
    Merge merge = {"transitions",
                   list_transitions,
                   compare_transitions,
                   finding_transition_json_write,
                   place_of_transition,
                   0,
                   false};
    g_auto(FindingCursor) cursor = {0};
    if (!finding_cursor_read(http_request_param(request, "cursor"), &cursor, error) ||
        !read_time(request, "from", 0, &query.from_ns, error) ||
        !read_time(request, "until", INT64_MAX, &query.until_ns, error) ||
        !read_limit(request, &merge.limit, error))
        return NULL;
    if (query.from_ns > query.until_ns) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "parameter from lies after until");
        return NULL;
    }
    query.limit = merge.limit + 1;
    query.after = place_after(request, &cursor);
    return merge_document(request, api, &merge, &query, error);
}

static GBytes *
run_clusters(const HttpRequest *request, const Api *api, GError **error)
{
    static const Merge merge = {"clusters", list_clusters, NULL, finding_cluster_json_write, NULL,
                                0,          false};
    return merge_document(request, api, &merge, NULL, error);
}

/* The transitions of the finding in `row`. */
static bool
write_one(const Row *row, const Api *api, JsonWriter *json, GError **error)
{
    const Finding *finding = row->item;
    const FindingTransitionQuery query = {.cluster = finding->cluster,
                                          .fingerprint = finding->fingerprint,
                                          .until_ns = INT64_MAX,
                                          .limit = LIMIT_MAX};
    g_autoptr(GPtrArray) list = store_finding_transitions(api->store, row->tenant, &query, error);
    if (list == NULL)
        return false;
    jsonw_object_begin(json);
    jsonw_key(json, "finding");
    finding_json_write(json, row->tenant, finding);
    jsonw_key(json, "transitions");
    jsonw_array_begin(json);
    for (guint i = 0; i < list->len; i++)
        finding_transition_json_write(json, row->tenant, list->pdata[i]);
    jsonw_array_end(json);
    jsonw_object_end(json);
    return true;
}

static GBytes *
run_one(const HttpRequest *request, const Api *api, GError **error)
{
    const FindingQuery query = {.cluster = http_request_param(request, "cluster"),
                                .fingerprint = request->path + strlen(FINDINGS_ONE),
                                .state = FINDING_STATE_ALL,
                                .limit = 1};
    static const Merge merge = {
        "findings", list_findings, compare_findings, finding_json_write, NULL, 1, false};
    g_auto(Rows) rows = {0};
    if (!rows_init(&rows, request, api, &merge, &query, error))
        return NULL;
    if (rows.rows->len == 0) {
        error_set(error, CRESSET_ERROR_NOT_FOUND, "there is no finding '%.200s'",
                  query.fingerprint);
        return NULL;
    }
    JsonWriter json;
    jsonw_init(&json, 4096);
    if (write_one(&g_array_index(rows.rows, Row, 0), api, &json, error))
        return jsonw_finish(&json);
    jsonw_clear(&json);
    return NULL;
}

static GBytes *
write_diff(const FindingDiff *diff)
{
    JsonWriter json;
    jsonw_init(&json, 128);
    jsonw_object_begin(&json);
    for (size_t i = 0; i < FINDING_TRANSITION_TYPES; i++) {
        jsonw_key(&json, finding_transition_name((FindingTransitionType)i));
        jsonw_int(&json, diff->n[i]);
    }
    jsonw_key(&json, "kept");
    jsonw_int(&json, diff->kept);
    jsonw_key(&json, "open");
    jsonw_int(&json, diff->open);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static void
reply_json(HttpRequest *request, GBytes *body, const GError *error)
{
    api_reply(request, "application/json", body, error);
}

void
findings_handle_report(HttpRequest *request, void *data)
{
    const Api *api = data;
    g_autoptr(GError) error = NULL;
    FindingDiff diff;
    bool is_ok = findings_report(api->findings, request->tenant, request->body, request->body_size,
                                 &diff, &error);
    reply_json(request, is_ok ? write_diff(&diff) : NULL, error);
}

void
findings_handle_list(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run_list(request, api, &error);
    reply_json(request, body, error);
}

void
findings_handle_transitions(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run_transitions(request, api, &error);
    reply_json(request, body, error);
}

void
findings_handle_clusters(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run_clusters(request, api, &error);
    reply_json(request, body, error);
}

void
findings_handle_one(HttpRequest *request, void *api)
{
    g_autoptr(GError) error = NULL;
    GBytes *body = run_one(request, api, &error);
    reply_json(request, body, error);
}
