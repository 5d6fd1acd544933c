#include "analyzers/collect/lookup.h"

/* Of an answer: a server that knows no field selectors sends all objects. */
enum {
    LIST_BYTES_MAX = 16 * 1024 * 1024,
    LIST_ARENA_BYTES_MAX = 4 * LIST_BYTES_MAX,
    TRIES_MAX = 2
};

typedef struct {
    K8sClient *client;
    Discovery *discovery;
    GMutex lock;
    GHashTable *known; /* path with query -> Presence */
    char *failure;     /* why nothing is asked any more; NULL: nothing has failed */
    unsigned left;     /* how many more are asked for */
} Lookup;

static void
lookup_free(gpointer data)
{
    Lookup *lookup = data;
    g_mutex_clear(&lookup->lock);
    g_hash_table_unref(lookup->known);
    discovery_free(lookup->discovery);
    g_free(lookup->failure);
    g_free(lookup);
}

/* What a list is searched for. */
typedef struct {
    const char *name;
    bool is_there;
} Search;

static bool
take_page(GBytes *page, void *data, GError **error)
{
    Search *search = data;
    g_autoptr(Arena) arena = arena_new(LIST_ARENA_BYTES_MAX);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    gsize size;
    const void *body = g_bytes_get_data(page, &size);
    value_reader_begin(reader, VALUE_JSON);
    const Value *list =
        value_reader_feed(reader, body, size, error) ? value_reader_end(reader, error) : NULL;
    for (const Value *item = value_first(list, "items"); item != NULL; item = item->next)
        search->is_there = search->is_there || value_is(item, "metadata.name", search->name);
    return list != NULL;
}

/* Asks the API. PRESENCE_UNKNOWN says why in lookup->failure. */
static Presence
ask(Lookup *lookup, const char *path, const char *query, const char *name)
{
    Search search = {.name = name};
    g_auto(K8sOutcome) outcome = {0};
    const K8sList list = {.path = path, .query = query, .representation = K8S_METADATA};
    const K8sCall call = {.end_us =
                              g_get_monotonic_time() + LOOKUP_TIMEOUT_S * (int64_t)G_USEC_PER_SEC,
                          .tries_max = TRIES_MAX,
                          .body_bytes_max = LIST_BYTES_MAX};
    if (k8s_client_list(lookup->client, &list, &call, take_page, &search, &outcome))
        return search.is_there ? PRESENCE_THERE : PRESENCE_MISSING;
    if (outcome.result == K8S_ABSENT)
        return PRESENCE_MISSING;
    lookup->failure =
        g_strconcat("what is in no list could not be asked for: ", outcome.message, NULL);
    return PRESENCE_UNKNOWN;
}

static Presence
ask_once(Lookup *lookup, const char *path, const char *name)
{
    g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
    g_autofree char *query = g_strconcat("fieldSelector=metadata.name%3D", escaped, NULL);
    g_autofree char *key = g_strjoin("?", path, query, NULL);
    gpointer known;
    if (g_hash_table_lookup_extended(lookup->known, key, NULL, &known))
        return (Presence)GPOINTER_TO_INT(known);
    if (lookup->failure != NULL)
        return PRESENCE_UNKNOWN;
    if (lookup->left == 0)
        return PRESENCE_MISSING;
    lookup->left--;
    Presence presence = ask(lookup, path, query, name);
    g_hash_table_insert(lookup->known, g_steal_pointer(&key), GINT_TO_POINTER(presence));
    return presence;
}

static Presence
look_up(void *data, Kind kind, const char *ns, const char *name, char **ret_why)
{
    Lookup *lookup = data;
    const KindRow *row = kind_row(kind);
    const DiscoveredResource *resource =
        discovery_find(lookup->discovery, row->group, row->resource, NULL);
    if (resource == NULL) /* there is no such kind, nor one of it */
        return PRESENCE_MISSING;
    g_autofree char *path = k8s_path(resource->group, resource->version, ns[0] != '\0' ? ns : NULL,
                                     resource->resource, NULL);
    g_mutex_lock(&lookup->lock);
    Presence presence = ask_once(lookup, path, name);
    if (presence == PRESENCE_UNKNOWN)
        *ret_why = g_strdup(lookup->failure);
    g_mutex_unlock(&lookup->lock);
    return presence;
}

void
lookup_open(Snapshot *snapshot, K8sClient *client, Discovery *discovery)
{
    Lookup *lookup = g_new0(Lookup, 1);
    *lookup = (Lookup){.client = client,
                       .discovery = discovery,
                       .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                       .left = LOOKUPS_MAX};
    g_mutex_init(&lookup->lock);
    snapshot_set_lookup(snapshot, look_up, lookup, lookup_free);
}
