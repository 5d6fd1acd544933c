/* The live part of the store: the datasets of one segment in memory, interned and encoded.
 *
 * One writer at a time (the caller's lock); any number of readers, which see whole appends. Every
 * append also yields the payload of one log frame, and restoring the frames of a log in order gives
 * the same head again, with the same ids. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"
#include "server/store/symbol_table.h"
#include "server/store/ulid.h"

typedef struct {
    int64_t time_ns, duration_ns, period, total;
    const uint8_t *samples; /* a sample run */
    const uint8_t *spans;   /* a span run */
    uint32_t samples_size, spans_size, n_samples, series;
    uint8_t id[16];
} HeadRow;

/* The annotations of a dataset's rows; `ids` is there from the first one on. */
typedef struct {
    Column table;                                        /* Labels * */
    Column rows;                                         /* StoreRowAnnotation */
    GHashTable *ids;                                     /* Labels to position in the table */
    uint32_t framed_table, framed_rows, n_table, n_rows; /* in the log; what readers may see */
} HeadAnnotations;

typedef struct {
    char *tenant, *service;
    uint32_t number; /* its name in the log */
    SymbolTable symbols;
    Column series; /* Labels * */
    Column rows;   /* HeadRow */
    GHashTable *series_ids;
    HeadAnnotations annotations;
    /* What the log holds already. */
    SymbolCounts framed;
    uint32_t framed_series, framed_rows;
    bool is_framed, is_touched;
    /* What readers may see; under the guard's lock. */
    SymbolCounts published;
    uint32_t n_series, n_rows;
    uint64_t n_samples;
    int64_t first_ns, last_ns;
} HeadDataset;

typedef struct Head Head;

/* `segment` is the id of the log that the head mirrors. */
Head *head_new(const char *segment);
Head *head_ref(Head *head);
void head_unref(Head *head);
const char *head_segment(const Head *head);

/* Adds rows and appends the frame payload that repeats it to `frame`. On failure nothing was added
 * and `frame` is as before. */
bool head_append(Head *head, const char *tenant, const StoreRow *rows, size_t n_rows, Wire *frame,
                 GError **error);
/* Applies a frame payload. False when it is malformed: the head then holds part of it in places
 * that are not published. */
bool head_restore(Head *head, const uint8_t *payload, size_t size);
/* Gives back what only appending needs. */
void head_freeze(Head *head);

/* Memory held, rows and samples published. */
size_t head_size(Head *head);
uint64_t head_row_count(Head *head);
uint64_t head_sample_count(Head *head);

/* A consistent picture of one dataset; valid until head_leave. */
typedef struct {
    HeadDataset *dataset;
    SymbolView symbols;
    Labels *const *series;
    const HeadRow *rows;
    uint32_t n_series, n_rows;
    int64_t first_ns, last_ns;
    StoreAnnotations annotations; /* of rows as they were appended */
} HeadView;

/* Counts the caller in as a reader and returns the views of the datasets that have rows, of
 * `tenant` and `service` (NULL: any). Free the array, then head_leave. */
GArray *head_enter(Head *head, const char *tenant, const char *service);
void head_leave(Head *head);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Head, head_unref)
