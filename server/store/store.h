/* The profile store: append durably, read by tenant, time and service.
 *
 * Written profiles go to an append-only segment log and, interned, to an in-memory head; when the
 * log is sealed the head becomes an immutable columnar block. Reads see blocks and head alike, as
 * datasets. One series row is one sample type of one profile of one label set. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/cresset/profile.h"
#include "server/store/labels.h"
#include "server/store/symbols.h"

typedef struct Store Store;

typedef struct {
    const char *data_dir; /* created when missing */
    int64_t seal_bytes;   /* seal a segment at this size */
    int64_t seal_age_ns;  /* … or at this age */
} StoreConfig;

/* Opens or creates the store and replays what a crash left: good frames are recovered, a bad tail
 * is counted and set aside. Fails with one clear line when the directory is not writable
 * (PERMISSION_DENIED) or locked by another process (FAILED_PRECONDITION). */
Store *store_open(const StoreConfig *config, GError **error);
/* One line about what recovery had to set aside, for the program to log; NULL when all was well. */
const char *store_notice(const Store *store);
/* Seals nothing, loses nothing: waits for the appends under way and closes. */
void store_close(Store *store);

/* The span, of a trace, that a sample was taken in; all zero is none. The ids are big-endian
 * numbers (https://www.w3.org/TR/trace-context/#traceparent-header). */
typedef struct {
    uint64_t trace_high, trace_low, span;
} StoreSpan;

/* One series row to append. Borrowed until store_append returns; nothing is kept. */
typedef struct {
    const Labels *labels;    /* with service_name, __name__ and __profile_type__ */
    const Profile *profile;  /* whose tables the samples refer to */
    const uint32_t *samples; /* positions in profile->samples */
    const int64_t *values;   /* n_samples values, none of them 0 */
    const StoreSpan *spans;  /* n_samples of them, or NULL when no sample has one */
    uint32_t n_samples;
    uint32_t n_annotations;
    const Label *annotations; /* any number of the same name; nearly all rows have none */
    int64_t time_ns, duration_ns, period;
    uint8_t id[16]; /* UUID of the stored profile */
} StoreRow;

/* Called once from the commit thread: `error` is NULL when the rows are on disk (fsynced).
 * RESOURCE_EXHAUSTED: no space, try again later; UNAVAILABLE: the log cannot be written, the store
 * is read-only until a restart. Rows that failed may still be seen until then. */
typedef void (*StoreDone)(void *data, const GError *error);

/* Interns and frames `rows` of `tenant` as one atomic unit and returns; `done` is called when it is
 * durable, exactly once, unless store_append itself fails (then it is not called). Any thread. */
bool store_append(Store *store, const char *tenant, const StoreRow *rows, size_t n_rows,
                  StoreDone done, void *data, GError **error);

/* A read view of one dataset of one source, valid inside the visit only. */
typedef struct {
    const Labels *labels;
} StoreSeries;

typedef struct {
    int64_t time_ns, duration_ns, period, total;
    uint32_t series; /* position in series */
    uint32_t n_samples;
    const uint8_t *id; /* 16 bytes */
} StoreRowView;

/* An annotation of a row: positions in the rows and in the table of annotations. */
typedef struct {
    uint32_t row, annotation;
} StoreRowAnnotation;

/* What rows say of how they came to be stored. */
typedef struct {
    Labels *const *table;           /* distinct, each of one pair: a name and a text */
    const StoreRowAnnotation *rows; /* sorted by row; a row may have several, and most have none */
    uint32_t n_table, n_rows;
} StoreAnnotations;

typedef struct StoreDataset {
    const char *tenant, *service;
    const SymbolView *symbols; /* NULL with STORE_WITH_ROWS */
    const StoreSeries *series;
    uint32_t n_series;
    const StoreRowView *rows; /* sorted by series, then time */
    uint32_t n_rows;
    StoreAnnotations annotations;
    const void *source; /* the store's own */
} StoreDataset;

typedef enum {
    STORE_WITH_ROWS = 0,
    STORE_WITH_SAMPLES = 1, /* symbols, and what store_dataset_accumulate needs */
    STORE_WITH_SPANS = 2,   /* and what store_dataset_spans needs */
} StoreDetail;

/* Return false to stop. */
typedef bool (*StoreVisit)(const StoreDataset *dataset, void *data, GError **error);

/* Visits every dataset of `tenant` that has rows with start_ns <= time <= end_ns (both inclusive),
 * one after the other; the rows of a visited dataset may still lie outside the range. `service`
 * NULL visits all services. A block that cannot be read is quarantined, counted and left out;
 * *ret_partial (may be NULL) says so. False with *error when the visitor failed. Any thread. */
bool
store_visit(Store *store, const char *tenant, const char *service, int64_t start_ns, int64_t end_ns,
            StoreDetail detail, StoreVisit visit, void *data, bool *ret_partial, GError **error);

/* Adds the sample values of `n` rows (ascending positions in dataset->rows) into `totals`, indexed
 * by node of the location trie (symbols->n_nodes of them). The hot loop of every flame graph. */
bool store_dataset_accumulate(const StoreDataset *dataset, const uint32_t *rows, uint32_t n,
                              int64_t *totals, GError **error);

/* A part of a row's samples: what one span took in one stack. */
typedef struct {
    StoreSpan span;
    uint32_t node;
    int64_t value;
} StoreSpanSample;

/* Appends what the spans of one row took (StoreSpanSample) to `samples`, ordered by trace, span and
 * node; samples outside of spans are left out. */
bool
store_dataset_spans(const StoreDataset *dataset, uint32_t row, GArray *samples, GError **error);

/* Tenants that have data, sorted; free with g_strfreev. */
GStrv store_tenants(Store *store);
/* First and last profile time of a tenant; false when it has none. */
bool
store_time_range(Store *store, const char *tenant, int64_t *ret_first_ns, int64_t *ret_last_ns);

/* Appends the store's metrics as Prometheus text. */
void store_write_metrics(Store *store, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)
