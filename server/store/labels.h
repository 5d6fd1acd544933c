/* Label sets: sorted by name, no duplicate names, immutable and reference-counted. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *name, *value; /* valid UTF-8, NUL-terminated */
} Label;

typedef struct {
    uint32_t n_labels;
    Label labels[]; /* the strings live behind the array, in the same allocation */
} Labels;

/* "true" on series of profiles whose stacks sampling has dropped: they have the totals alone. */
#define LABEL_SAMPLED "__sampled__"

/* Copies `n` pairs (any order; names must be distinct) into a new sorted set. */
Labels *labels_new(const Label *pairs, size_t n);
Labels *labels_ref(const Labels *labels);
void labels_unref(Labels *labels);

/* The value of `name`, or NULL. */
const char *labels_get(const Labels *labels, const char *name);
/* Order by name, value, name, value …; equal sets compare 0. */
int labels_compare(const Labels *a, const Labels *b);
/* A hash that tells sets apart, for as long as the process runs. */
uint64_t labels_fingerprint(const Labels *labels);
/* For hash tables whose keys are Labels. */
guint labels_hash(gconstpointer labels);
gboolean labels_equal(gconstpointer a, gconstpointer b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Labels, labels_unref)
