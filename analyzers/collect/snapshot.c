#include "analyzers/collect/snapshot.h"

#include <string.h>

typedef struct {
    ListState state;
    bool is_cut; /* objects did not fit into the snapshot */
    char *problem;
    GPtrArray *objects;  /* sorted once finished */
    GHashTable *by_name; /* "namespace/name" -> Object */
    GHashTable *by_ns;   /* namespace -> GPtrArray of Object */
} KindList;

struct Snapshot {
    Arena *arena;
    KindList lists[KIND_COUNT];
    GHashTable *by_uid;
    GHashTable *events; /* uid of an object -> GPtrArray of Event */
    GPtrArray *no_objects;
    char *facts[FACT_COUNT], *fact_problems[FACT_COUNT];
    SnapshotLogFunc read_log; /* NULL: there are no logs */
    void *log_data;
    GDestroyNotify free_log_data;
    const char *logs_problem;
    SnapshotLookupFunc lookup; /* NULL: what the lists say is all that can be known */
    void *lookup_data;
    GDestroyNotify free_lookup_data;
};

static void
unref_array(gpointer array)
{
    g_ptr_array_unref(array);
}

Snapshot *
snapshot_new(void)
{
    Snapshot *snapshot = g_new0(Snapshot, 1);
    snapshot->arena = arena_new(SNAPSHOT_BYTES_MAX);
    snapshot->by_uid = g_hash_table_new(g_str_hash, g_str_equal);
    snapshot->events = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, unref_array);
    snapshot->no_objects = g_ptr_array_new();
    for (int i = 0; i < KIND_COUNT; i++) {
        KindList *list = &snapshot->lists[i];
        list->objects = g_ptr_array_new();
        list->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        list->by_ns = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, unref_array);
    }
    return snapshot;
}

void
snapshot_free(Snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    for (int i = 0; i < KIND_COUNT; i++) {
        KindList *list = &snapshot->lists[i];
        g_ptr_array_unref(list->objects);
        g_hash_table_unref(list->by_name);
        g_hash_table_unref(list->by_ns);
        g_free(list->problem);
    }
    g_hash_table_unref(snapshot->by_uid);
    g_hash_table_unref(snapshot->events);
    g_ptr_array_unref(snapshot->no_objects);
    for (int i = 0; i < FACT_COUNT; i++) {
        g_free(snapshot->facts[i]);
        g_free(snapshot->fact_problems[i]);
    }
    if (snapshot->free_log_data != NULL)
        snapshot->free_log_data(snapshot->log_data);
    if (snapshot->free_lookup_data != NULL)
        snapshot->free_lookup_data(snapshot->lookup_data);
    arena_free(snapshot->arena);
    g_free(snapshot);
}

Arena *
snapshot_arena(Snapshot *snapshot)
{
    return snapshot->arena;
}

/* ---- Times. ---- */

int64_t
time_parse(const char *text)
{
    if (text[0] == '\0')
        return 0;
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
    return time != NULL ? g_date_time_to_unix(time) : 0;
}

int64_t
value_time(const Value *value, const char *path)
{
    return time_parse(value_text(value, path));
}

/* ---- Filling. ---- */

static char *
name_key(const char *ns, const char *name)
{
    return g_strconcat(ns, "/", name, NULL);
}

/* Names of the API are of visible ASCII; what else a file may have is not shown to a terminal. NULL
 * when the snapshot is full. */
static const char *
visible_name(Snapshot *snapshot, const char *name)
{
    size_t length = strlen(name), i = 0;
    while (i < length && g_ascii_isgraph(name[i]))
        i++;
    if (i == length)
        return name;
    char *copy = arena_strndup(snapshot->arena, name, length);
    for (; copy != NULL && i < length; i++) {
        if (!g_ascii_isgraph(copy[i]))
            copy[i] = '?';
    }
    return copy;
}

/* Says that something of a kind did not fit; false. */
static bool
cut_list(Snapshot *snapshot, Kind kind)
{
    g_autofree char *why =
        g_strdup_printf("%s could not be read to the end: the objects of a cluster may take %zu "
                        "bytes of memory at most",
                        kind_row(kind)->resource, SNAPSHOT_BYTES_MAX);
    snapshot_set_list(snapshot, kind, LIST_FAILED, why);
    snapshot->lists[kind].is_cut = true;
    return false;
}

bool
snapshot_is_managed(const Value *value)
{
    return value_at(value, "spec.forProvider") != NULL &&
           value_at(value, "spec.providerConfigRef") != NULL;
}

/* The name of an object within its kind; NULL when the snapshot is full. */
static const char *
name_of(Snapshot *snapshot, Kind kind, const Value *value)
{
    const char *name = value_text(value, "metadata.name");
    if (kind != KIND_MANAGED || name[0] == '\0')
        return visible_name(snapshot, name);
    g_autofree char *group = kind_group(value_text(value, "apiVersion"));
    g_autofree char *type = g_ascii_strdown(value_text(value, "kind"), -1);
    g_autofree char *typed = g_strconcat(type, ".", group, "/", name, NULL);
    const char *copy = arena_strndup(snapshot->arena, typed, strlen(typed));
    return copy != NULL ? visible_name(snapshot, copy) : NULL;
}

bool
snapshot_add(Snapshot *snapshot, Kind kind, const Value *value)
{
    if (kind == KIND_NONE || value == NULL || value->type != VALUE_MAP)
        return true;
    KindList *list = &snapshot->lists[kind];
    const char *name = name_of(snapshot, kind, value), *ns = "";
    if (kind_row(kind)->is_namespaced)
        ns = visible_name(snapshot, value_text(value, "metadata.namespace"));
    if (name == NULL || ns == NULL)
        return cut_list(snapshot, kind);
    g_autofree char *key = name_key(ns, name);
    if (name[0] == '\0' || g_hash_table_contains(list->by_name, key))
        return true;
    Object *object = arena_alloc(snapshot->arena, sizeof *object);
    if (object == NULL)
        return cut_list(snapshot, kind);
    *object = (Object){.kind = kind,
                       .ns = ns,
                       .name = name,
                       .uid = value_text(value, "metadata.uid"),
                       .value = value,
                       .created_s = value_time(value, "metadata.creationTimestamp")};
    g_ptr_array_add(list->objects, object);
    g_hash_table_insert(list->by_name, g_steal_pointer(&key), object);
    if (object->uid[0] != '\0' && kind != KIND_TLS_SECRET)
        g_hash_table_insert(snapshot->by_uid, (gpointer)object->uid, object);
    /* One that was read with its content is in both lists. */
    return kind != KIND_SECRET || !value_is(value, "type", "kubernetes.io/tls") ||
           value_count(value, "data") == 0 || snapshot_add(snapshot, KIND_TLS_SECRET, value);
}

void
snapshot_set_list(Snapshot *snapshot, Kind kind, ListState state, const char *why)
{
    KindList *list = &snapshot->lists[kind];
    if (list->is_cut)
        return;
    list->state = state;
    g_free(list->problem);
    list->problem = g_strdup(why);
}

void
snapshot_set_fact(Snapshot *snapshot, Fact fact, const char *text, const char *why)
{
    g_free(snapshot->facts[fact]);
    g_free(snapshot->fact_problems[fact]);
    snapshot->facts[fact] = g_strdup(text);
    snapshot->fact_problems[fact] = text == NULL ? g_strdup(why) : NULL;
}

const char *
snapshot_fact(const Snapshot *snapshot, Fact fact)
{
    return snapshot->facts[fact];
}

const char *
snapshot_fact_problem(const Snapshot *snapshot, Fact fact)
{
    if (snapshot->facts[fact] != NULL)
        return NULL;
    return snapshot->fact_problems[fact] != NULL ? snapshot->fact_problems[fact]
                                                 : "the API server was not asked";
}

void
snapshot_set_log_source(Snapshot *snapshot, SnapshotLogFunc func, void *data,
                        GDestroyNotify free_data)
{
    if (snapshot->free_log_data != NULL)
        snapshot->free_log_data(snapshot->log_data);
    snapshot->read_log = func;
    snapshot->log_data = data;
    snapshot->free_log_data = free_data;
}

void
snapshot_set_lookup(Snapshot *snapshot, SnapshotLookupFunc func, void *data,
                    GDestroyNotify free_data)
{
    snapshot->lookup = func;
    snapshot->lookup_data = data;
    snapshot->free_lookup_data = free_data;
}

static gint
compare_objects(gconstpointer left, gconstpointer right)
{
    const Object *a = *(Object *const *)left, *b = *(Object *const *)right;
    int order = strcmp(a->ns, b->ns);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static GPtrArray *
array_of(GHashTable *table, const char *key)
{
    GPtrArray *array = g_hash_table_lookup(table, key);
    if (array == NULL) {
        array = g_ptr_array_new();
        g_hash_table_insert(table, (gpointer)(uintptr_t)key, array);
    }
    return array;
}

/* NAME of "spec.containers{NAME}", where the kubelet says which container an event is about; ""
 * without one, NULL when the snapshot is full. */
static const char *
container_of_path(Snapshot *snapshot, const char *path)
{
    static const char *const heads[] = {"spec.containers{", "spec.initContainers{",
                                        "spec.ephemeralContainers{"};
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        if (!g_str_has_prefix(path, heads[i]) || !g_str_has_suffix(path, "}"))
            continue;
        const char *start = path + strlen(heads[i]);
        const char *name = arena_strndup(snapshot->arena, start, strlen(start) - 1);
        return name != NULL ? visible_name(snapshot, name) : NULL;
    }
    return "";
}

/* core/v1 and events.k8s.io say the same with other names; either leaves some of it out. */
static void
add_event(Snapshot *snapshot, const Value *value)
{
    const Value *about = value_get(value, "involvedObject");
    if (about == NULL)
        about = value_get(value, "regarding");
    const char *uid = value_text(about, "uid");
    if (uid[0] == '\0')
        return;
    Event *event = arena_alloc(snapshot->arena, sizeof *event);
    const char *container = container_of_path(snapshot, value_text(about, "fieldPath"));
    if (event == NULL || container == NULL) {
        cut_list(snapshot, KIND_EVENT);
        return;
    }
    const char *message = value_text(value, "message");
    int64_t created_s = value_time(value, "metadata.creationTimestamp");
    int64_t event_s = value_time(value, "eventTime");
    int64_t first_s =
        MAX(value_time(value, "firstTimestamp"), value_time(value, "deprecatedFirstTimestamp"));
    int64_t last_s =
        MAX(value_time(value, "lastTimestamp"), value_time(value, "deprecatedLastTimestamp"));
    int64_t series_s = value_time(value, "series.lastObservedTime");
    *event = (Event){.type = value_text(value, "type"),
                     .reason = value_text(value, "reason"),
                     .message = message[0] != '\0' ? message : value_text(value, "note"),
                     .container = container};
    event->first_s = first_s != 0 ? first_s : (event_s != 0 ? event_s : created_s);
    event->last_s = MAX(MAX(series_s, last_s), MAX(event_s, created_s));
    event->count = MAX(MAX(value_int(value, "series.count", 1), value_int(value, "count", 1)),
                       value_int(value, "deprecatedCount", 1));
    g_ptr_array_add(array_of(snapshot->events, uid), event);
}

static gint
compare_events(gconstpointer left, gconstpointer right)
{
    const Event *a = *(Event *const *)left, *b = *(Event *const *)right;
    if (a->last_s != b->last_s)
        return a->last_s > b->last_s ? -1 : 1;
    int order = strcmp(a->reason, b->reason);
    return order != 0 ? order : strcmp(a->message, b->message);
}

/* Whether a type is defined that Crossplane manages. */
static bool
has_managed_type(const Snapshot *snapshot)
{
    const GPtrArray *all = snapshot->lists[KIND_CRD].objects;
    for (guint i = 0; i < all->len; i++) {
        const Object *definition = all->pdata[i];
        for (const Value *c = value_first(definition->value, "spec.names.categories"); c != NULL;
             c = c->next) {
            if (value_is(c, "", "managed"))
                return true;
        }
    }
    return false;
}

/* Custom kinds without a definition are absent, when the definitions are known. */
static void
find_absent(Snapshot *snapshot)
{
    if (!snapshot_knows(snapshot, KIND_CRD))
        return;
    for (int i = KIND_NONE + 1; i < KIND_COUNT; i++) {
        const KindRow *row = kind_row((Kind)i);
        g_autofree char *name = g_strdup_printf("%s.%s", row->resource, row->group);
        if (kind_is_custom((Kind)i) && snapshot->lists[i].state == LIST_NOT_READ &&
            (i == KIND_MANAGED ? snapshot->lists[i].problem == NULL && !has_managed_type(snapshot)
                               : snapshot_get(snapshot, KIND_CRD, "", name) == NULL))
            snapshot->lists[i].state = LIST_ABSENT;
    }
}

void
snapshot_finish(Snapshot *snapshot)
{
    find_absent(snapshot);
    for (int i = 0; i < KIND_COUNT; i++) {
        KindList *list = &snapshot->lists[i];
        g_ptr_array_sort(list->objects, compare_objects);
        for (guint k = 0; k < list->objects->len; k++) {
            Object *object = list->objects->pdata[k];
            g_ptr_array_add(array_of(list->by_ns, object->ns), object);
        }
    }
    const GPtrArray *events = snapshot->lists[KIND_EVENT].objects;
    for (guint i = 0; i < events->len; i++)
        add_event(snapshot, ((const Object *)events->pdata[i])->value);
    GHashTableIter iter;
    gpointer array;
    g_hash_table_iter_init(&iter, snapshot->events);
    while (g_hash_table_iter_next(&iter, NULL, &array))
        g_ptr_array_sort(array, compare_events);
}

/* ---- Reading. ---- */

const GPtrArray *
snapshot_objects(const Snapshot *snapshot, Kind kind)
{
    return snapshot->lists[kind].objects;
}

const GPtrArray *
snapshot_in_namespace(const Snapshot *snapshot, Kind kind, const char *ns)
{
    const GPtrArray *objects = g_hash_table_lookup(snapshot->lists[kind].by_ns, ns);
    return objects != NULL ? objects : snapshot->no_objects;
}

const Object *
snapshot_get(const Snapshot *snapshot, Kind kind, const char *ns, const char *name)
{
    g_autofree char *key = name_key(ns, name);
    return g_hash_table_lookup(snapshot->lists[kind].by_name, key);
}

bool
snapshot_knows(const Snapshot *snapshot, Kind kind)
{
    ListState state = snapshot->lists[kind].state;
    return state == LIST_READ || state == LIST_ABSENT;
}

Presence
snapshot_presence(const Snapshot *snapshot, Kind kind, const char *ns, const char *name)
{
    if (snapshot_get(snapshot, kind, ns, name) != NULL)
        return PRESENCE_THERE;
    return snapshot_knows(snapshot, kind) ? PRESENCE_MISSING : PRESENCE_UNKNOWN;
}

const Object *
snapshot_by_uid(const Snapshot *snapshot, const char *uid)
{
    return g_hash_table_lookup(snapshot->by_uid, uid);
}

ListState
snapshot_list_state(const Snapshot *snapshot, Kind kind)
{
    return snapshot->lists[kind].state;
}

const char *
snapshot_list_problem(const Snapshot *snapshot, Kind kind)
{
    const KindList *list = &snapshot->lists[kind];
    if (snapshot_knows(snapshot, kind))
        return NULL;
    return list->problem != NULL ? list->problem : "the input does not have them";
}

const GPtrArray *
snapshot_events(const Snapshot *snapshot, const Object *object)
{
    const GPtrArray *events = g_hash_table_lookup(snapshot->events, object->uid);
    return events != NULL ? events : snapshot->no_objects;
}

const Event *
snapshot_event(const Snapshot *snapshot, const Object *object, const char *reasons, int64_t since_s)
{
    const GPtrArray *events = snapshot_events(snapshot, object);
    g_auto(GStrv) wanted = g_strsplit(reasons, "|", -1);
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (event->last_s >= since_s && g_strv_contains((const char *const *)wanted, event->reason))
            return event;
    }
    return NULL;
}

char *
snapshot_log(const Snapshot *snapshot, const Object *pod, const char *container, bool previous)
{
    return snapshot->read_log != NULL
               ? snapshot->read_log(snapshot->log_data, pod, container, previous)
               : NULL;
}

void
snapshot_set_logs_problem(Snapshot *snapshot, const char *why)
{
    snapshot->logs_problem = why;
}

const char *
snapshot_logs_problem(const Snapshot *snapshot)
{
    return snapshot->logs_problem;
}

Presence
snapshot_lookup(const Snapshot *snapshot, Kind kind, const char *ns, const char *name,
                char **ret_why)
{
    Presence presence = snapshot_presence(snapshot, kind, ns, name);
    *ret_why = NULL;
    if (presence == PRESENCE_UNKNOWN)
        *ret_why = g_strdup(snapshot_list_problem(snapshot, kind));
    return presence == PRESENCE_MISSING && snapshot->lookup != NULL
               ? snapshot->lookup(snapshot->lookup_data, kind, ns, name, ret_why)
               : presence;
}
