/* Locations of an OTLP dictionary as locations of a pprof under construction. */
#pragma once
#include "lib/pprof/encode.h"
#include "server/ingest/format/otlp_dictionary.h"

/* What is known of the mappings of a request. */
typedef struct {
    const OtlpDictionary *dictionary;
    uint8_t *mapping_lacks; /* per mapping: bits of what some location on it lacks */
} OtlpSymbols;

/* Looks at every location once. False when the arena is full. */
bool otlp_symbols_init(OtlpSymbols *symbols, const OtlpDictionary *dictionary, Arena *arena,
                       GError **error);

/* A pprof, and which entries of the dictionary it has already. */
typedef struct {
    const OtlpSymbols *symbols;
    PprofBuilder *builder;
    GHashTable *locations, *mappings; /* position + 1 to id */
    GHashTable *strings;              /* position + 1 to string + 1 */
    GArray *lines;                    /* PprofLine, scratch */
    uint64_t *work_left;              /* of the request, in about nanoseconds */
} OtlpPprof;

/* Borrows both. */
OtlpPprof *otlp_pprof_new(const OtlpSymbols *symbols, uint64_t *work_left);
void otlp_pprof_free(OtlpPprof *pprof);

/* Takes work off what the request may still cause; INVALID_ARGUMENT when it is more. */
bool otlp_charge(uint64_t *work_left, uint64_t work, GError **error);

/* The string at a position of the string table; INVALID_ARGUMENT when there is none. */
bool otlp_pprof_string(OtlpPprof *pprof, uint64_t index, const char *field, uint32_t *ret_string,
                       GError **error);
/* The id of a location; INVALID_ARGUMENT when it or what it refers to is out of range. */
bool otlp_pprof_location(OtlpPprof *pprof, uint64_t index, uint32_t *ret_id, GError **error);
/* Fills `locations` (uint32_t, cleared first) with the ids of a stack, the leaf first. Beyond
 * `depth_max` the frames at the leaf are left out. */
bool otlp_pprof_stack(OtlpPprof *pprof, uint64_t index, size_t depth_max, GArray *locations,
                      GError **error);
