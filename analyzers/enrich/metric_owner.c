#include "analyzers/enrich/metric_owner.h"

#include <string.h>

#include "analyzers/enrich/subject.h"

/* Objects of one query: a union of more is refused by some back ends. */
enum { OBJECTS_MAX = 200 };

/* ---- Objects. ---- */

GPtrArray *
metric_owner_list(const Enquiry *enquiry, const MetricRow *row, const Finding *finding)
{
    if (row->owner == METRIC_OF_CONTAINER || row->owner == METRIC_OF_NODE_PODS)
        return subject_pods(enquiry->run, finding);
    static const Kind kinds[] = {[METRIC_OF_NODE] = KIND_NODE,
                                 [METRIC_OF_CLAIM] = KIND_PVC,
                                 [METRIC_OF_AUTOSCALER] = KIND_HPA};
    GPtrArray *owners = g_ptr_array_new();
    if (finding->object->kind == kinds[row->owner])
        g_ptr_array_add(owners, (gpointer)(uintptr_t)finding->object);
    for (guint i = 0; i < finding->about->len; i++) {
        if (((const Object *)finding->about->pdata[i])->kind == kinds[row->owner])
            g_ptr_array_add(owners, finding->about->pdata[i]);
    }
    return owners;
}

static GPtrArray *
all_owners(const Enquiry *enquiry, const MetricRow *row, const GPtrArray *findings)
{
    GPtrArray *all = g_ptr_array_new();
    for (guint i = 0; i < findings->len; i++) {
        g_autoptr(GPtrArray) owners = metric_owner_list(enquiry, row, findings->pdata[i]);
        for (guint k = 0; k < owners->len && all->len < OBJECTS_MAX; k++) {
            if (!g_ptr_array_find(all, owners->pdata[k], NULL))
                g_ptr_array_add(all, owners->pdata[k]);
        }
    }
    return all;
}

/* ---- Matchers. ---- */

/* LABEL=~"a|b": names or namespaces of objects, each once. */
static void
append_matcher(GString *out, const char *label, const GPtrArray *objects, bool is_ns)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < objects->len; i++) {
        const Object *object = objects->pdata[i];
        gpointer name = (gpointer)(uintptr_t)(is_ns ? object->ns : object->name);
        if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
            g_ptr_array_add(names, name);
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *quoted = telemetry_quote_any((const char *const *)names->pdata);
    g_string_append_printf(out, "%s%s=~%s", out->len > 0 ? "," : "", label, quoted);
}

static const char *
name_label(MetricOwner owner)
{
    static const char *const labels[] = {[METRIC_OF_CONTAINER] = "pod",
                                         [METRIC_OF_NODE] = "node",
                                         [METRIC_OF_NODE_PODS] = "pod",
                                         [METRIC_OF_CLAIM] = "persistentvolumeclaim",
                                         [METRIC_OF_AUTOSCALER] = "horizontalpodautoscaler"};
    return labels[owner];
}

/* The addresses of a node and its name, as far as instances are called so. */
static GPtrArray *
node_names(const Object *node)
{
    GPtrArray *names = g_ptr_array_new();
    g_ptr_array_add(names, (gpointer)(uintptr_t)node->name);
    for (const Value *address = value_first(node->value, "status.addresses"); address != NULL;
         address = address->next) {
        const char *text = value_text(address, "address");
        if (*text != '\0' && strcmp(text, node->name) != 0)
            g_ptr_array_add(names, (gpointer)(uintptr_t)text);
    }
    return names;
}

/* instance=~"n1(:.*)?|10\\.0\\.0\\.1(:.*)?" */
static char *
instance_matcher(const GPtrArray *nodes)
{
    g_autoptr(GString) pattern = g_string_new(NULL);
    for (guint i = 0; i < nodes->len; i++) {
        g_autoptr(GPtrArray) names = node_names(nodes->pdata[i]);
        for (guint k = 0; k < names->len; k++) {
            g_autofree char *escaped = g_regex_escape_string(names->pdata[k], -1);
            g_string_append_printf(pattern, "%s%s(:.*)?", pattern->len > 0 ? "|" : "", escaped);
        }
    }
    g_autofree char *quoted = telemetry_quote(pattern->str);
    return g_strconcat("instance=~", quoted, NULL);
}

static char *
fill_query(const char *text, const char *owners, const char *cluster)
{
    GString *query = g_string_new(text);
    g_string_replace(query, "$S", cluster, 0);
    g_string_replace(query, "$O", owners, 0);
    return g_string_free(query, FALSE);
}

char *
metric_owner_query(const Enquiry *enquiry, const MetricRow *row, const GPtrArray *findings)
{
    const char *cluster = enquiry->options->matchers;
    g_autoptr(GPtrArray) owners = all_owners(enquiry, row, findings);
    if (owners->len == 0)
        return NULL;
    g_autoptr(GString) matchers = g_string_new(NULL);
    if (row->owner != METRIC_OF_NODE)
        append_matcher(matchers, "namespace", owners, true);
    append_matcher(matchers, name_label(row->owner), owners, false);
    g_autofree char *query = fill_query(row->query, matchers->str, cluster);
    if (row->owner != METRIC_OF_NODE)
        return g_steal_pointer(&query);
    g_autofree char *instances = instance_matcher(owners);
    g_autofree char *other = fill_query(row->query, instances, cluster);
    return g_strdup_printf("(%s) or (%s)", other, query);
}

/* ---- Series. ---- */

static bool
is_of_node(const Object *node, const MetricSeries *series)
{
    const char *instance = series_label(series, "instance");
    if (strcmp(series_label(series, "node"), node->name) == 0)
        return true;
    g_autoptr(GPtrArray) names = node_names(node);
    for (guint i = 0; i < names->len; i++) {
        size_t length = strlen(names->pdata[i]);
        if (strncmp(instance, names->pdata[i], length) == 0 &&
            (instance[length] == '\0' || instance[length] == ':'))
            return true;
    }
    return false;
}

static bool
is_of_object(const MetricRow *row, const Finding *finding, const Object *object,
             const MetricSeries *series)
{
    if (row->owner == METRIC_OF_NODE)
        return is_of_node(object, series);
    const char *container = series_label(series, "container");
    if (row->owner == METRIC_OF_CONTAINER && subject_is_container(finding, object) &&
        strcmp(container, finding->what) != 0)
        return false;
    return strcmp(series_label(series, "namespace"), object->ns) == 0 &&
           strcmp(series_label(series, name_label(row->owner)), object->name) == 0;
}

const Object *
metric_owner_of(const MetricRow *row, const Finding *finding, const GPtrArray *owners,
                const MetricSeries *series)
{
    for (guint i = 0; i < owners->len; i++) {
        if (is_of_object(row, finding, owners->pdata[i], series))
            return owners->pdata[i];
    }
    return NULL;
}
