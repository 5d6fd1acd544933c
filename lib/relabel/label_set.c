#include "lib/relabel/label_set.h"

#include <string.h>

typedef struct {
    char *name, *value;
} Pair;

struct LabelSet {
    GArray *pairs; /* Pair */
};

static void
clear_pair(void *data)
{
    Pair *pair = data;
    g_free(pair->name);
    g_free(pair->value);
}

LabelSet *
label_set_new(void)
{
    LabelSet *set = g_new0(LabelSet, 1);
    set->pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    g_array_set_clear_func(set->pairs, clear_pair);
    return set;
}

void
label_set_free(LabelSet *set)
{
    if (set == NULL)
        return;
    g_array_unref(set->pairs);
    g_free(set);
}

size_t
label_set_size(const LabelSet *set)
{
    return set->pairs->len;
}

void
label_set_at(const LabelSet *set, size_t at, const char **ret_name, const char **ret_value)
{
    const Pair *pair = &g_array_index(set->pairs, Pair, at);
    *ret_name = pair->name;
    *ret_value = pair->value;
}

/* The place of a name; the size when it is not there. */
static guint
find(const LabelSet *set, const char *name)
{
    guint at = 0;
    while (at < set->pairs->len && strcmp(g_array_index(set->pairs, Pair, at).name, name) != 0)
        at++;
    return at;
}

const char *
label_set_get(const LabelSet *set, const char *name)
{
    guint at = find(set, name);
    return at < set->pairs->len ? g_array_index(set->pairs, Pair, at).value : "";
}

void
label_set_set(LabelSet *set, const char *name, const char *value)
{
    guint at = find(set, name);
    if (*value == '\0') {
        if (at < set->pairs->len)
            g_array_remove_index_fast(set->pairs, at);
        return;
    }
    char *copy = g_strdup(value); /* first: it may be the one that is replaced */
    if (at < set->pairs->len) {
        Pair *pair = &g_array_index(set->pairs, Pair, at);
        g_free(pair->value);
        pair->value = copy;
        return;
    }
    Pair added = {g_strdup(name), copy};
    g_array_append_val(set->pairs, added);
}
