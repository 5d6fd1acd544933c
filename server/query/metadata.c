#include <stdlib.h>
#include <string.h>

#include "server/query/query.h"
#include "server/query/select.h"

/* ---- Names and values: sorted sets of strings. ---- */

typedef struct {
    const Query *query;
    GHashTable *found;
    const char *name; /* of the label whose values are wanted; NULL for the labels' names */
} Words;

/* Whether the series of row `i` was already seen: rows are sorted by series. */
static bool
is_new_series(const Selection *selection, uint32_t i)
{
    const StoreRowView *rows = selection->dataset->rows;
    return i == 0 || rows[selection->rows[i]].series != rows[selection->rows[i - 1]].series;
}

static void
add_word(GHashTable *found, const char *word)
{
    if (!g_hash_table_contains(found, word))
        g_hash_table_add(found, g_strdup(word));
}

static bool
collect_words(const Selection *selection, void *data, GError **error)
{
    Words *words = data;
    for (uint32_t i = 0; i < selection->n_rows; i++) {
        if (!is_new_series(selection, i))
            continue;
        uint32_t series = selection->dataset->rows[selection->rows[i]].series;
        const Labels *labels = selection->dataset->series[series].labels;
        if (words->name != NULL) {
            const char *value = labels_get(labels, words->name);
            if (value != NULL)
                add_word(words->found, value);
            continue;
        }
        for (uint32_t j = 0; j < labels->n_labels; j++)
            add_word(words->found, labels->labels[j].name);
    }
    return select_check_items(words->query, g_hash_table_size(words->found), error);
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GStrv
find_words(const Query *query, const char *name, GError **error)
{
    g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Words words = {query, found, name};
    if (!select_visit(query, query->start_ns, query->end_ns, STORE_WITH_ROWS, collect_words, &words,
                      error))
        return NULL;
    guint n = 0;
    char **sorted = (char **)g_hash_table_get_keys_as_array(found, &n);
    g_hash_table_steal_all(found);
    qsort(sorted, n, sizeof *sorted, compare_texts);
    return sorted;
}

GStrv
query_profile_types(const Query *query, GError **error)
{
    return find_words(query, "__profile_type__", error);
}

GStrv
query_label_names(const Query *query, GError **error)
{
    return find_words(query, NULL, error);
}

GStrv
query_label_values(const Query *query, const char *name, GError **error)
{
    return find_words(query, name, error);
}

/* ---- Series. ---- */

typedef struct {
    const Query *query;
    GHashTable *found; /* Labels */
    const char *const *names;
} Sets;

static void
unref_labels(void *labels)
{
    labels_unref(labels);
}

static int
compare_label_sets(const void *a, const void *b)
{
    return labels_compare(*(const Labels *const *)a, *(const Labels *const *)b);
}

static bool
collect_sets(const Selection *selection, void *data, GError **error)
{
    Sets *sets = data;
    bool has_names = sets->names != NULL && sets->names[0] != NULL;
    for (uint32_t i = 0; i < selection->n_rows; i++) {
        if (!is_new_series(selection, i))
            continue;
        uint32_t series = selection->dataset->rows[selection->rows[i]].series;
        const Labels *all = selection->dataset->series[series].labels;
        g_autoptr(Labels) labels = has_names ? select_labels(all, sets->names) : labels_ref(all);
        if (labels->n_labels > 0 && !g_hash_table_contains(sets->found, labels))
            g_hash_table_add(sets->found, g_steal_pointer(&labels));
    }
    return select_check_items(sets->query, g_hash_table_size(sets->found), error);
}

GPtrArray *
query_series(const Query *query, const char *const *names, GError **error)
{
    g_autoptr(GHashTable) found =
        g_hash_table_new_full(labels_hash, labels_equal, unref_labels, NULL);
    Sets sets = {query, found, names};
    if (!select_visit(query, query->start_ns, query->end_ns, STORE_WITH_ROWS, collect_sets, &sets,
                      error))
        return NULL;
    GPtrArray *sorted = g_ptr_array_new_with_free_func(unref_labels);
    GHashTableIter iter;
    void *labels;
    g_hash_table_iter_init(&iter, found);
    while (g_hash_table_iter_next(&iter, &labels, NULL))
        g_ptr_array_add(sorted, labels_ref(labels));
    g_ptr_array_sort(sorted, compare_label_sets);
    return sorted;
}

/* ---- Cost. ---- */

static bool
add_cost(const Selection *selection, void *data, GError **error)
{
    (void)error;
    QueryCost *cost = data;
    cost->n_datasets++;
    cost->n_profiles += selection->n_rows;
    for (uint32_t i = 0; i < selection->n_rows; i++) {
        cost->n_series += is_new_series(selection, i);
        cost->n_samples += selection->dataset->rows[selection->rows[i]].n_samples;
    }
    return true;
}

bool
query_cost(const Query *query, QueryCost *ret_cost, GError **error)
{
    *ret_cost = (QueryCost){0};
    return select_visit(query, query->start_ns, query->end_ns, STORE_WITH_ROWS, add_cost, ret_cost,
                        error);
}
