/* Which profiles a store has: the labels of its series, as Series of querier.v1 answers with. */
#pragma once
#include "lib/k8s/value.h"

typedef struct {
    const Value *labels; /* a list of {name, value} */
} ProfileSeries;

typedef struct {
    const ProfileSeries *series;
    uint32_t n;
} ProfileSeriesList;

/* Read into the arena. INVALID_ARGUMENT, RESOURCE_EXHAUSTED when the arena is full. */
bool profile_series_read(GBytes *body, Arena *arena, ProfileSeriesList *ret_list, GError **error);
/* "" when it has none. */
const char *profile_series_label(const ProfileSeries *series, const char *name);
