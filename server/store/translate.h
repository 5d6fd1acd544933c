/* Translates the tables of one decoded profile into the ids of one dataset, each entry once.
 *
 * Locations that were seen before, by mapping identity, address and the names and lines they
 * resolve to, skip the interning of their functions and strings. */
#pragma once
#include <stdbool.h>

#include "include/cresset/profile.h"
#include "server/store/symbol_table.h"

typedef struct {
    SymbolTable *table;
    const Profile *profile;
    uint32_t *memory; /* the caches below, HASH_INDEX_NONE where not yet translated */
    uint32_t *strings, *functions, *locations;
    uint32_t *nodes;                    /* per sample */
    uint32_t *mappings, *bare_mappings; /* as given; without the address range */
    uint64_t *name_hashes;              /* per function, 0 where not yet hashed */
    uint64_t *mapping_hashes;           /* per mapping, 0 where not yet hashed */
    uint32_t *stacks;                   /* location ids of the stacks in work */
    size_t n_stacked, stacks_capacity;
    SymbolLine *lines; /* of the location in work */
    uint32_t frames_before;
} Translation;

void translation_init(Translation *translation, SymbolTable *table, const Profile *profile);
void translation_clear(Translation *translation);

/* Fills nodes[] for the stacks of `n` samples. INVALID_ARGUMENT when the profile's tables do not
 * hold what they name, RESOURCE_EXHAUSTED when it unfolds into too many frames. */
bool
translation_nodes(Translation *translation, const uint32_t *samples, uint32_t n, GError **error);
