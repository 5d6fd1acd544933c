#include "analyzers/enrich/profile_index.h"

#include <string.h>

#include "analyzers/enrich/subject.h"
#include "analyzers/telemetry/matchers.h"
#include "lib/base/jsonw.h"

enum {
    WINDOW_S = 2 * 60 * 60, /* in which series are looked for */
    VALUES_MAX = 50,        /* of a matcher */
    ARENA_BYTES_MAX = 256 * 1024 * 1024,
};

/* By what profiles are found, the most exact first, and the labels that have it. */
typedef enum { BY_POD, BY_CONTAINER_ID, BY_NODE, BY_SERVICE, BY_COUNT } Way;

static const char *const way_labels[BY_COUNT][3] = {
    [BY_POD] = {"pod", "k8s_pod_name"},
    [BY_CONTAINER_ID] = {"container_id", "k8s_container_id"},
    [BY_NODE] = {"node", "k8s_node_name", "hostname"},
    [BY_SERVICE] = {"service_name"},
};
static const char *const ns_labels[] = {"namespace", "k8s_namespace_name", NULL};
static const char *const container_labels[] = {"container", "k8s_container_name", NULL};

void
profile_index_clear(ProfileIndex *index)
{
    arena_free(index->arena);
    g_free(index->matchers);
    *index = (ProfileIndex){0};
}

void
profile_target_clear(ProfileTarget *target)
{
    g_free(target->labels);
    g_free(target->service);
    g_free(target->surrounding);
    *target = (ProfileTarget){0};
}

/* ---- Asking. ---- */

static void
write_texts(JsonWriter *json, const char *key, const GPtrArray *texts)
{
    jsonw_key(json, key);
    jsonw_array_begin(json);
    for (guint i = 0; i < texts->len; i++)
        jsonw_string(json, texts->pdata[i]);
    jsonw_array_end(json);
}

/* A request with the window; `names` and `matchers` only when they are not NULL. */
static GBytes *
request_json(const Enquiry *enquiry, const GPtrArray *names, const char *matchers)
{
    JsonWriter json;
    int64_t now_s = enquiry->options->now_s;
    g_autoptr(GPtrArray) selectors = g_ptr_array_new();
    g_autofree char *selector = g_strdup_printf("{%s}", matchers != NULL ? matchers : "");
    jsonw_init(&json, 256);
    jsonw_object_begin(&json);
    jsonw_key(&json, "start");
    jsonw_int(&json, (now_s - WINDOW_S) * 1000);
    jsonw_key(&json, "end");
    jsonw_int(&json, now_s * 1000);
    if (names != NULL)
        write_texts(&json, "labelNames", names);
    if (matchers != NULL && *matchers != '\0') {
        g_ptr_array_add(selectors, selector);
        write_texts(&json, "matchers", selectors);
    }
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

static bool
ask(Enquiry *enquiry, const char *path, GBytes *json, GBytes **ret_body, char **ret_why)
{
    const TelemetryCall call = {.path = path, .json = json};
    return enquiry_ask(enquiry, SOURCE_PROFILES, &call, ret_body, ret_why);
}

static bool
has_name(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)names, name, g_str_equal, NULL);
}

static void
add_known(GPtrArray *wanted, const GPtrArray *names, const char *const *labels, size_t n)
{
    for (size_t i = 0; i < n && labels[i] != NULL; i++) {
        if (has_name(names, labels[i]))
            g_ptr_array_add(wanted, (gpointer)(uintptr_t)labels[i]);
    }
}

/* The labels that tell objects and that the store has; the array borrows them. */
static GPtrArray *
wanted_labels(const GPtrArray *names)
{
    GPtrArray *wanted = g_ptr_array_new();
    g_ptr_array_add(wanted, (gpointer)(uintptr_t) "__profile_type__");
    for (int way = 0; way < BY_COUNT; way++)
        add_known(wanted, names, way_labels[way], G_N_ELEMENTS(way_labels[way]));
    add_known(wanted, names, ns_labels, G_N_ELEMENTS(ns_labels));
    add_known(wanted, names, container_labels, G_N_ELEMENTS(container_labels));
    return wanted;
}

static bool
ask_names(Enquiry *enquiry, Arena *arena, GPtrArray *names, char **ret_why)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    Answer answer;
    g_autoptr(GBytes) json = request_json(enquiry, NULL, NULL);
    if (!ask(enquiry, "/querier.v1.QuerierService/LabelNames", json, &body, ret_why))
        return false;
    if (!answer_read_names(body, "name", arena, &answer, &error)) {
        *ret_why = g_strdup(error->message);
        return false;
    }
    for (uint32_t i = 0; i < answer.n; i++)
        g_ptr_array_add(names, (gpointer)(uintptr_t)series_label(&answer.series[i], "name"));
    return true;
}

bool
profile_index_ask(Enquiry *enquiry, ProfileIndex *ret_index, char **ret_why)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *matchers = enquiry->options->matchers;
    *ret_index = (ProfileIndex){.arena = arena_new(ARENA_BYTES_MAX)};
    if (!ask_names(enquiry, ret_index->arena, names, ret_why))
        return false;
    ret_index->matchers = g_strdup(matchers_are_among(matchers, names) ? matchers : "");
    g_autoptr(GPtrArray) wanted = wanted_labels(names);
    g_autoptr(GBytes) json = request_json(enquiry, wanted, ret_index->matchers);
    if (!ask(enquiry, "/querier.v1.QuerierService/Series", json, &body, ret_why))
        return false;
    if (profile_series_read(body, ret_index->arena, &ret_index->list, &error))
        return true;
    *ret_why = g_strdup(error->message);
    return false;
}

/* ---- Whose profiles they are. ---- */

/* The first of the labels that a series has; NULL for none. */
static const char *
label_of(const ProfileSeries *series, const char *const *labels, size_t n)
{
    for (size_t i = 0; i < n && labels[i] != NULL; i++) {
        if (*profile_series_label(series, labels[i]) != '\0')
            return labels[i];
    }
    return NULL;
}

/* Whether a label is as it should be, or is not there. */
static bool
agrees(const ProfileSeries *series, const char *const *labels, size_t n, const char *wanted)
{
    const char *label = label_of(series, labels, n);
    return label == NULL || strcmp(profile_series_label(series, label), wanted) == 0;
}

/* "containerd://0123…" of what runs or has ended. */
static bool
is_container_id(const Finding *finding, const Object *pod, const char *id)
{
    static const char *const paths[] = {"containerID", "lastState.terminated.containerID"};
    const char *name = value_text(subject_container(finding, pod), "name");
    const Value *status = subject_container_status(pod, name);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        const char *text = value_text(status, paths[i]), *slashes = strstr(text, "://");
        if (*text != '\0' && strcmp(slashes != NULL ? slashes + 3 : text, id) == 0)
            return true;
    }
    return false;
}

/* A service is called as the workload, or NAMESPACE/WORKLOAD or NAMESPACE/CONTAINER. */
static bool
is_service(const Finding *finding, const Object *object, const char *service)
{
    size_t length = strlen(object->ns);
    const char *name = service;
    if (length > 0 && strncmp(service, object->ns, length) == 0 && service[length] == '/')
        name = service + length + 1;
    return strcmp(name, object->name) == 0 ||
           (name != service && *finding->what != '\0' && strcmp(name, finding->what) == 0);
}

static bool
is_of_pod(const Finding *finding, const Object *pod, const ProfileSeries *series, Way way,
          const char *value)
{
    if (way == BY_CONTAINER_ID)
        return is_container_id(finding, pod, value);
    return strcmp(pod->name, value) == 0 &&
           agrees(series, ns_labels, G_N_ELEMENTS(ns_labels), pod->ns) &&
           (!subject_is_container(finding, pod) ||
            agrees(series, container_labels, G_N_ELEMENTS(container_labels), finding->what));
}

/* Whether a series is found this way. */
static bool
is_found(const CheckRun *run, const Finding *finding, const GPtrArray *pods,
         const ProfileSeries *series, Way way)
{
    bool is_node = finding->object->kind == KIND_NODE;
    const char *label = label_of(series, way_labels[way], G_N_ELEMENTS(way_labels[way]));
    const char *value = label != NULL ? profile_series_label(series, label) : "";
    if (label == NULL || is_node != (way == BY_NODE))
        return false;
    if (way == BY_NODE)
        return strcmp(value, finding->object->name) == 0;
    if (way == BY_SERVICE)
        return is_service(finding, subject_workload(run, finding), value) &&
               agrees(series, ns_labels, G_N_ELEMENTS(ns_labels), finding->object->ns);
    for (guint i = 0; i < pods->len; i++) {
        if (is_of_pod(finding, pods->pdata[i], series, way, value))
            return true;
    }
    return false;
}

/* Whether a series can be asked for together with those that were found before: where the label of
 * theirs is missing, "" would stand for every series without it. */
static bool
goes_with(const GPtrArray *found, const ProfileSeries *series, Way way)
{
    size_t n = G_N_ELEMENTS(way_labels[way]);
    return found->len == 0 ||
           label_of(found->pdata[0], way_labels[way], n) == label_of(series, way_labels[way], n);
}

/* ---- Matchers. ---- */

static void
add_matcher(GString *out, const char *label, const char *value)
{
    g_autofree char *quoted = telemetry_quote(value);
    g_string_append_printf(out, "%s%s=%s", out->len > 0 ? "," : "", label, quoted);
}

static void
add_union(GString *out, const char *label, const GPtrArray *found)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    for (guint i = 0; i < found->len && values->len < VALUES_MAX; i++) {
        const char *value = profile_series_label(found->pdata[i], label);
        if (!has_name(values, value))
            g_ptr_array_add(values, (gpointer)(uintptr_t)value);
    }
    if (values->len == 1) {
        add_matcher(out, label, values->pdata[0]);
        return;
    }
    g_ptr_array_add(values, NULL);
    g_autofree char *quoted = telemetry_quote_any((const char *const *)values->pdata);
    g_string_append_printf(out, "%s%s=~%s", out->len > 0 ? "," : "", label, quoted);
}

/* The value that all series have, or "". */
static const char *
common_value(const GPtrArray *found, const char *label)
{
    const char *value = profile_series_label(found->pdata[0], label);
    for (guint i = 1; i < found->len; i++) {
        if (strcmp(profile_series_label(found->pdata[i], label), value) != 0)
            return "";
    }
    return value;
}

static void
add_common(GString *out, const GPtrArray *found, const char *const *labels, size_t n)
{
    const char *label = label_of(found->pdata[0], labels, n);
    if (label != NULL && *common_value(found, label) != '\0')
        add_matcher(out, label, common_value(found, label));
}

static void
make_target(const ProfileIndex *index, const GPtrArray *found, Way way, ProfileTarget *target)
{
    const char *label = label_of(found->pdata[0], way_labels[way], G_N_ELEMENTS(way_labels[way]));
    g_autoptr(GString) around = g_string_new(index->matchers);
    if (way == BY_POD || way == BY_SERVICE)
        add_common(around, found, ns_labels, G_N_ELEMENTS(ns_labels));
    if (way == BY_POD)
        add_common(around, found, container_labels, G_N_ELEMENTS(container_labels));
    target->service = g_strdup(way == BY_NODE ? "" : common_value(found, "service_name"));
    target->surrounding = g_strdup(around->str);
    target->pod = way == BY_POD ? label : NULL;
    if (way != BY_SERVICE || *target->service == '\0')
        add_union(around, label, found);
    target->labels = g_strdup(around->str);
}

bool
profile_index_find(const ProfileIndex *index, const CheckRun *run, const Finding *finding,
                   const char *const *types, ProfileTarget *ret_target)
{
    g_autoptr(GPtrArray) pods = subject_pods(run, finding), found = g_ptr_array_new();
    *ret_target = (ProfileTarget){0};
    for (; *types != NULL; types++) {
        for (int way = 0; way < BY_COUNT; way++) {
            for (uint32_t i = 0; i < index->list.n; i++) {
                const ProfileSeries *series = &index->list.series[i];
                if (strcmp(profile_series_label(series, "__profile_type__"), *types) == 0 &&
                    is_found(run, finding, pods, series, (Way)way) &&
                    goes_with(found, series, (Way)way))
                    g_ptr_array_add(found, (gpointer)(uintptr_t)series);
            }
            if (found->len == 0)
                continue;
            ret_target->type = *types;
            make_target(index, found, (Way)way, ret_target);
            return true;
        }
    }
    return false;
}
