#include "server/store/labels.h"

#include <stddef.h>
#include <string.h>
#include <xxhash.h>

/* What really is allocated: the public part stands behind the count and the hash. */
typedef struct {
    gatomicrefcount n_refs;
    uint64_t hash;
    Labels public;
} SharedLabels;

static SharedLabels *
shared_of(const Labels *labels)
{
    return (SharedLabels *)((char *)(uintptr_t)labels - offsetof(SharedLabels, public));
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const Label *)a)->name, ((const Label *)b)->name);
}

/* Hashes names and values with their terminators, so that ("ab", "c") differs from ("a", "bc"). */
static uint64_t
hash_pairs(const Label *pairs, size_t n)
{
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) {
        hash = XXH3_64bits_withSeed(pairs[i].name, strlen(pairs[i].name) + 1, hash);
        hash = XXH3_64bits_withSeed(pairs[i].value, strlen(pairs[i].value) + 1, hash);
    }
    return hash;
}

static const char *
copy_text(char **cursor, const char *text)
{
    char *copy = *cursor;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *cursor += size;
    return copy;
}

Labels *
labels_new(const Label *pairs, size_t n)
{
    size_t text_size = 0;
    for (size_t i = 0; i < n; i++)
        text_size += strlen(pairs[i].name) + strlen(pairs[i].value) + 2;
    SharedLabels *shared = g_malloc(sizeof *shared + n * sizeof(Label) + text_size);
    g_atomic_ref_count_init(&shared->n_refs);
    Labels *labels = &shared->public;
    labels->n_labels = (uint32_t)n;
    char *cursor = (char *)(labels->labels + n);
    for (size_t i = 0; i < n; i++) {
        labels->labels[i].name = copy_text(&cursor, pairs[i].name);
        labels->labels[i].value = copy_text(&cursor, pairs[i].value);
    }
    if (n > 1)
        qsort(labels->labels, n, sizeof(Label), compare_names);
    shared->hash = hash_pairs(labels->labels, n);
    return labels;
}

Labels *
labels_ref(const Labels *labels)
{
    SharedLabels *shared = shared_of(labels);
    g_atomic_ref_count_inc(&shared->n_refs);
    return &shared->public;
}

void
labels_unref(Labels *labels)
{
    if (labels == NULL)
        return;
    SharedLabels *shared = shared_of(labels);
    if (g_atomic_ref_count_dec(&shared->n_refs))
        g_free(shared);
}

const char *
labels_get(const Labels *labels, const char *name)
{
    size_t low = 0, high = labels->n_labels;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(labels->labels[middle].name, name);
        if (order == 0)
            return labels->labels[middle].value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int
labels_compare(const Labels *a, const Labels *b)
{
    uint32_t n = MIN(a->n_labels, b->n_labels);
    for (uint32_t i = 0; i < n; i++) {
        int order = strcmp(a->labels[i].name, b->labels[i].name);
        if (order == 0)
            order = strcmp(a->labels[i].value, b->labels[i].value);
        if (order != 0)
            return order;
    }
    return (a->n_labels > b->n_labels) - (a->n_labels < b->n_labels);
}

uint64_t
labels_fingerprint(const Labels *labels)
{
    return shared_of(labels)->hash;
}

guint
labels_hash(gconstpointer labels)
{
    return (guint)labels_fingerprint(labels);
}

gboolean
labels_equal(gconstpointer a, gconstpointer b)
{
    return labels_compare(a, b) == 0;
}
