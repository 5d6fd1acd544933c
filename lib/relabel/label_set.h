/* A set of labels that can be changed: names and values, each name once, in no order. */
#pragma once
#include <glib.h>
#include <stddef.h>

typedef struct LabelSet LabelSet;

LabelSet *label_set_new(void);
void label_set_free(LabelSet *set);

size_t label_set_size(const LabelSet *set);
/* The label at a place below the size; both strings live until it is changed. */
void label_set_at(const LabelSet *set, size_t at, const char **ret_name, const char **ret_value);

/* The value of `name`; "" when there is none. */
const char *label_set_get(const LabelSet *set, const char *name);
/* Copies both; an empty value removes the label. */
void label_set_set(LabelSet *set, const char *name, const char *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabelSet, label_set_free)
