#include "analyzers/checks/silence.h"

#include "analyzers/checks/check.h"
#include "lib/base/text.h"
#include "lib/base/yaml_field.h"

typedef struct {
    GStrv checks, namespaces, kinds, names; /* globs; NULL: any */
    int64_t until_s;                        /* 0: for ever */
    char *until, *reason;
} Silence;

struct Silences {
    GPtrArray *rules; /* Silence */
};

static void
silence_free(gpointer data)
{
    Silence *silence = data;
    g_strfreev(silence->checks);
    g_strfreev(silence->namespaces);
    g_strfreev(silence->kinds);
    g_strfreev(silence->names);
    g_free(silence->until);
    g_free(silence->reason);
    g_free(silence);
}

void
silences_free(Silences *silences)
{
    if (silences == NULL)
        return;
    g_ptr_array_unref(silences->rules);
    g_free(silences);
}

static const YamlField silence_fields[] = {
    {"checks", yaml_read_texts, offsetof(Silence, checks)},
    {"namespaces", yaml_read_texts, offsetof(Silence, namespaces)},
    {"kinds", yaml_read_texts, offsetof(Silence, kinds)},
    {"names", yaml_read_texts, offsetof(Silence, names)},
    {"until", yaml_read_text, offsetof(Silence, until)},
    {"reason", yaml_read_text, offsetof(Silence, reason)},
};

static bool
read_silence(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    GPtrArray *rules = data;
    Silence *silence = g_new0(Silence, 1);
    g_ptr_array_add(rules, silence);
    if (rules->len > SILENCES_MAX)
        return yaml_fail(tree, item, error, "silences: there are more than %d", SILENCES_MAX);
    if (!yaml_read_fields(tree, item, "a silence", silence_fields, G_N_ELEMENTS(silence_fields),
                          silence, error))
        return false;
    if (silence->checks == NULL && silence->namespaces == NULL && silence->kinds == NULL &&
        silence->names == NULL)
        return yaml_fail(tree, item, error,
                         "a silence needs one of checks, namespaces, kinds, names");
    if (silence->reason == NULL)
        return yaml_fail(tree, item, error, "a silence needs a reason");
    silence->until_s = silence->until != NULL ? time_parse(silence->until) : 0;
    return silence->until == NULL || silence->until_s > 0 ||
           yaml_fail(tree, item, error, "until: '%s' is not a time like 2026-01-31T12:00:00Z",
                     silence->until);
}

static Silences *
silences_new(void)
{
    Silences *silences = g_new0(Silences, 1);
    silences->rules = g_ptr_array_new_with_free_func(silence_free);
    return silences;
}

bool
silences_read(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error)
{
    Silences **silences = place;
    *silences = silences_new();
    return yaml_each_item(tree, node, key, read_silence, (*silences)->rules, error);
}

/* What a file of silences has. */
typedef struct {
    Silences *silences;
} SilenceFile;

static const YamlField file_fields[] = {
    {"silences", silences_read, offsetof(SilenceFile, silences)},
};

Silences *
silences_load(const char *path, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    if (tree == NULL)
        return NULL;
    SilenceFile file = {0};
    bool ok = yaml_read_fields(tree, yaml_tree_root(tree), "the file", file_fields,
                               G_N_ELEMENTS(file_fields), &file, error);
    g_autoptr(Silences) silences = file.silences;
    if (!ok)
        return NULL;
    return silences != NULL ? g_steal_pointer(&silences) : silences_new();
}

Silences *
silences_join(Silences *silences, Silences *others)
{
    if (silences == NULL || others == NULL)
        return silences != NULL ? silences : others;
    g_ptr_array_extend_and_steal(silences->rules, g_ptr_array_ref(others->rules));
    silences_free(others);
    return silences;
}

static bool
has_expired(const Silence *silence, int64_t now_s)
{
    return silence->until_s > 0 && now_s >= silence->until_s;
}

bool
silences_cover(const Silences *silences, const Finding *finding, int64_t now_s)
{
    const Object *object = finding->object;
    for (guint i = 0; silences != NULL && i < silences->rules->len; i++) {
        const Silence *silence = silences->rules->pdata[i];
        if (!has_expired(silence, now_s) && globs_match(silence->checks, finding->check->id) &&
            globs_match(silence->namespaces, object->ns) &&
            globs_match(silence->kinds, kind_row(object->kind)->kind) &&
            globs_match(silence->names, object->name))
            return true;
    }
    return false;
}

GPtrArray *
silences_expired(const Silences *silences, int64_t now_s)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; silences != NULL && i < silences->rules->len; i++) {
        const Silence *silence = silences->rules->pdata[i];
        if (has_expired(silence, now_s))
            g_ptr_array_add(lines, g_strdup_printf("silence %u (%s) has expired on %s", i + 1,
                                                   silence->reason, silence->until));
    }
    return lines;
}
