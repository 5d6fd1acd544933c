/* Random profiles, and a brute-force memory of what was appended, to hold a store against. */
#pragma once
#include <glib.h>

#include "include/cresset/profile.h"
#include "server/store/store.h"

/* A profile over a fixed set of functions; free with fixture_profile_free. */
typedef struct {
    Profile profile;
    uint64_t *stack_hash; /* per sample, of its folded function names */
} FixtureProfile;

typedef struct {
    uint32_t n_functions, n_samples, max_depth;
    bool has_addresses;
    const char *prefix; /* of the function names */
} FixtureShape;

FixtureProfile *fixture_profile_new(GRand *random, const FixtureShape *shape);
/* The hash of a folded stack `above` with one more function below it; 0 is the empty stack. */
uint64_t fixture_path_hash(uint64_t above, const char *name, size_t length);
void fixture_profile_free(FixtureProfile *profile);

/* What a row has to look like when it is read back. */
typedef struct {
    char *tenant, *labels;
    GStrv annotations; /* sorted */
    int64_t time_ns, duration_ns, period, total;
    uint64_t fingerprint;      /* sum of value × stack hash */
    uint64_t span_fingerprint; /* sum of value × (stack hash ^ span hash) */
    bool is_acked;
    unsigned n_seen;
} ModelRow;

/* Rows by the hexadecimal text of their id. */
typedef struct {
    GHashTable *rows;
    uint32_t next_id;
} Model;

void model_init(Model *model);
void model_clear(Model *model);

/* Appends one profile as `n_types` rows of one label set to the store and the model. The model's
 * rows count as acknowledged when the store has called back without an error. Returns what
 * store_append returned. */
typedef struct {
    const char *tenant, *service, *pod;
    int64_t time_ns;
    unsigned n_types;
} ModelAppend;
bool model_append(Model *model, Store *store, GRand *random, const FixtureProfile *profile,
                  const ModelAppend *append);
/* Waits until every append so far was answered. */
void model_wait(Model *model);

/* Reads everything back by row; returns NULL when each acknowledged row is there exactly once and
 * every other one at most once, all as appended, else what is wrong (free it). */
char *model_check(Model *model, Store *store);
/* Compares sums over random groups of rows in `tenant` with the model's. */
char *model_check_sums(Model *model, Store *store, GRand *random, const char *tenant);
/* Reads the ids of everything once, while others append; returns what is wrong when one is there
 * twice or there are fewer than `*n_rows`, which becomes the number seen. */
char *model_check_once(Store *store, uint64_t *n_rows);
