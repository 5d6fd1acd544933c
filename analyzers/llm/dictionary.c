#include "analyzers/llm/dictionary.h"

#include <string.h>

#include "analyzers/llm/vocabulary.h"
#include "lib/base/error.h"

struct Dictionary {
    Trie *trie;
    GPtrArray *originals; /* Original, by id */
    GHashTable *known;    /* folded texts, of the originals */
    size_t bytes;
    bool with_images;
};

/* Fields whose texts are names, wherever they stand. */
static const struct {
    const char *key, *type;
} fields[] = {
    {"name", "name"},
    {"generateName", "name"},
    {"namespace", "ns"},
    {"nodeName", "node"},
    {"nodeID", "node"},
    {"hostname", "host"},
    {"host", "host"},
    {"hosts", "host"},
    {"hostnames", "host"},
    {"dnsNames", "host"},
    {"commonName", "host"},
    {"externalName", "host"},
    {"subdomain", "host"},
    {"domain", "host"},
    {"server", "host"},
    {"url", "url"},
    {"repoURL", "url"},
    {"address", "host"},
    {"addresses", "host"},
    {"ip", "ip"},
    {"hostIP", "ip"},
    {"podIP", "ip"},
    {"podIPs", "ip"},
    {"clusterIP", "ip"},
    {"clusterIPs", "ip"},
    {"externalIPs", "ip"},
    {"loadBalancerIP", "ip"},
    {"ipAddresses", "ip"},
    {"podCIDR", "ip"},
    {"podCIDRs", "ip"},
    {"cidr", "ip"},
    {"claimName", "persistentvolumeclaim"},
    {"volumeName", "persistentvolume"},
    {"secretName", "secret"},
    {"configMapName", "configmap"},
    {"serviceName", "service"},
    {"serviceAccount", "serviceaccount"},
    {"serviceAccountName", "serviceaccount"},
    {"storageClassName", "storageclass"},
    {"ingressClassName", "ingressclass"},
    {"priorityClassName", "priorityclass"},
    {"runtimeClassName", "runtimeclass"},
    {"schedulerName", "name"},
    {"volumeHandle", "volume"},
    {"providerID", "cloud"},
    {"bucket", "bucket"},
    {"user", "user"},
    {"username", "user"},
    {"resourceNames", "name"},
    {"holderIdentity", "name"},
};

/* Maps whose values are names. */
static const char *const label_maps[] = {"labels", "matchLabels", "nodeSelector", "selector", NULL};
/* Lists whose items have a `name` that is none of an object. */
static const char *const plain_lists[] = {"env", "ports", NULL};

static void
original_free(gpointer data)
{
    Original *original = data;
    g_free(original->text);
    g_free(original->folded);
    g_free(original);
}

static void
add_word(Dictionary *dictionary, const char *type, const char *text, size_t n)
{
    if (n == 0 || n > DICTIONARY_WORD_MAX || dictionary->bytes > DICTIONARY_BYTES_MAX ||
        word_is_number(text, n) || vocabulary_has(text, n))
        return;
    char *folded = word_fold_text(text, n);
    if (g_hash_table_contains(dictionary->known, folded)) {
        g_free(folded);
        return;
    }
    Original *original = g_new(Original, 1);
    *original = (Original){g_strndup(text, n), folded, type};
    trie_add(dictionary->trie, folded, n, dictionary->originals->len);
    g_ptr_array_add(dictionary->originals, original);
    g_hash_table_add(dictionary->known, folded);
    dictionary->bytes += n;
}

static void
add_text(Dictionary *dictionary, const char *type, const char *text)
{
    add_word(dictionary, type, text, strlen(text));
}

/* registry.example.com:5000/team/app:v1@sha256:… and its parts. Of what is all public words nothing
 * stays. */
static void
add_image(Dictionary *dictionary, const char *image)
{
    size_t n = strcspn(image, "@");
    const char *slash = memchr(image, '/', n);
    const char *at = image;
    guint before = dictionary->originals->len;
    if (slash != NULL && memchr(image, '.', (size_t)(slash - image)) != NULL) {
        size_t host = (size_t)(slash - image);
        add_word(dictionary, "registry", image, host);
        add_word(dictionary, "registry", image, MIN(host, strcspn(image, ":")));
        at = slash + 1;
    }
    const char *end = image + n;
    while (at < end) {
        size_t part = MIN(strcspn(at, "/:"), (size_t)(end - at));
        add_word(dictionary, at > image && at[-1] == ':' ? "tag" : "repo", at, part);
        at += part + 1;
    }
    if (dictionary->originals->len > before) {
        add_word(dictionary, "image", image, n);
        add_text(dictionary, "image", image);
    }
}

static void
add_host(Dictionary *dictionary, const char *host)
{
    if (g_str_has_prefix(host, "*."))
        add_text(dictionary, "host", host + 2);
    add_text(dictionary, "host", host);
}

/* "web-" of a generateName is the base of names. */
static size_t
length_of_base(const char *name)
{
    size_t n = strlen(name);
    while (n > 0 && name[n - 1] == '-')
        n--;
    return n;
}

static bool
is_scalar(const Value *value)
{
    return value->type == VALUE_TEXT;
}

/* A text below a key; of a list of texts the list's key. */
static void
add_scalar(Dictionary *dictionary, const char *key, const Value *value)
{
    if (strcmp(key, "image") == 0) {
        if (dictionary->with_images)
            add_image(dictionary, value->text);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (strcmp(fields[i].key, key) != 0)
            continue;
        if (strcmp(fields[i].type, "host") == 0)
            add_host(dictionary, value->text);
        else if (strcmp(key, "generateName") == 0)
            add_word(dictionary, fields[i].type, value->text, length_of_base(value->text));
        else
            add_text(dictionary, fields[i].type, value->text);
        return;
    }
}

/* `list` is the key of the list around a map, or "". */
static void
walk(Dictionary *dictionary, const Value *map, const char *key, const char *list)
{
    bool is_list = map->type == VALUE_LIST;
    bool is_plain = g_strv_contains(plain_lists, list);
    for (const Value *child = map->first; child != NULL; child = child->next) {
        const char *child_key = is_list ? key : child->key;
        if (!is_scalar(child)) {
            if (child->type == VALUE_MAP || child->type == VALUE_LIST)
                walk(dictionary, child, child_key, is_list ? key : "");
        } else if (!is_list && g_strv_contains(label_maps, key)) {
            add_text(dictionary, "label", child->text);
        } else if (!is_plain || strcmp(child_key, "name") != 0) {
            add_scalar(dictionary, child_key, child);
        }
    }
}

/* "ReplicaSet" → "replicaset", kept for ever. A type is seen, so it may be nobody's name. */
static const char *
type_of(Kind kind)
{
    if (kind == KIND_NAMESPACE)
        return "ns";
    g_autofree char *type = g_ascii_strdown(kind_row(kind)->kind, -1);
    return vocabulary_has(type, strlen(type)) ? g_intern_string(type) : "object";
}

/* Names first, so that their types are those of their kinds. */
static void
add_names(Dictionary *dictionary, const Snapshot *snapshot, Kind kind)
{
    const GPtrArray *objects = snapshot_objects(snapshot, kind);
    const char *type = type_of(kind);
    for (guint i = 0; i < objects->len; i++) {
        const Object *object = objects->pdata[i];
        add_text(dictionary, "ns", object->ns);
        if (kind != KIND_EVENT)
            add_text(dictionary, type, object->name);
    }
}

/* What a type of objects may look like is long, and tells of programs, not of this cluster. */
static void
add_fields(Dictionary *dictionary, const Snapshot *snapshot, Kind kind)
{
    const GPtrArray *objects = snapshot_objects(snapshot, kind);
    for (guint i = 0; i < objects->len && kind != KIND_CRD; i++) {
        const Object *object = objects->pdata[i];
        if (object->value != NULL)
            walk(dictionary, object->value, "", "");
    }
}

static Dictionary *
make_empty(void)
{
    Dictionary *dictionary = g_new0(Dictionary, 1);
    dictionary->trie = trie_new();
    dictionary->originals = g_ptr_array_new_with_free_func(original_free);
    dictionary->known = g_hash_table_new(g_str_hash, g_str_equal);
    return dictionary;
}

Dictionary *
dictionary_new(const Snapshot *snapshot, const char *cluster, bool with_images, GError **error)
{
    static const Kind first[] = {KIND_NAMESPACE, KIND_NODE};
    g_autoptr(Dictionary) dictionary = make_empty();
    dictionary->with_images = with_images;
    if (cluster != NULL)
        add_text(dictionary, "cluster", cluster);
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++)
        add_names(dictionary, snapshot, first[i]);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        add_names(dictionary, snapshot, (Kind)kind);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        add_fields(dictionary, snapshot, (Kind)kind);
    if (dictionary->bytes > DICTIONARY_BYTES_MAX) {
        error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                  "the names of the cluster are more than %d MiB, too many to hide from a model",
                  DICTIONARY_BYTES_MAX / 1024 / 1024);
        return NULL;
    }
    trie_finish(dictionary->trie);
    return g_steal_pointer(&dictionary);
}

Dictionary *
dictionary_new_of(const char *const *words, size_t n)
{
    Dictionary *dictionary = make_empty();
    for (size_t i = 0; i < n; i++)
        add_text(dictionary, "name", words[i]);
    trie_finish(dictionary->trie);
    return dictionary;
}

void
dictionary_free(Dictionary *dictionary)
{
    if (dictionary == NULL)
        return;
    trie_free(dictionary->trie);
    g_hash_table_unref(dictionary->known);
    g_ptr_array_unref(dictionary->originals);
    g_free(dictionary);
}

const Trie *
dictionary_trie(const Dictionary *dictionary)
{
    return dictionary->trie;
}

const Original *
dictionary_original(const Dictionary *dictionary, uint32_t id)
{
    return dictionary->originals->pdata[id];
}

uint32_t
dictionary_size(const Dictionary *dictionary)
{
    return dictionary->originals->len;
}
