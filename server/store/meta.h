/* The metastore: which blocks there are and what is in them, in SQLite (data-dir/meta.sqlite).
 *
 * One connection writes and checkpoints, one reads; both serve any thread, one call at a time. What
 * it says can be rebuilt: of blocks from them, of documents from their files. A file that SQLite
 * finds damaged is set aside and an empty one takes its place. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/store/block_writer.h"
#include "server/store/ulid.h"

typedef struct Meta Meta;

/* *ret_is_new says that there was no usable file. */
Meta *meta_open(const char *path, bool *ret_is_new, GError **error);
void meta_close(Meta *meta);

typedef struct {
    Ulid id;
    BlockInfo *info;
} MetaBlock;

/* Adds all blocks of a sealed segment in one durable transaction. */
bool meta_add(Meta *meta, const MetaBlock *blocks, size_t n, GError **error);
/* Marks a block as bad: queries over its range are partial from now on. */
bool meta_quarantine(Meta *meta, const char *block, GError **error);
/* Forgets every block of a segment. */
bool meta_forget_segment(Meta *meta, const char *segment, GError **error);

typedef struct {
    Ulid block, segment;
    uint32_t number; /* dataset in the block */
    bool is_bad;     /* the block is quarantined */
} MetaDataset;

/* The datasets of a tenant (and service, unless NULL) with rows in the closed range, ordered by
 * time of the block. */
GArray *meta_find(Meta *meta, const char *tenant, const char *service, int64_t start_ns,
                  int64_t end_ns, GError **error);

typedef struct {
    Ulid block, segment;
    bool is_bad;
} MetaEntry;

/* Every block. */
GArray *meta_list(Meta *meta, GError **error);
/* Adds the tenants that have blocks or findings to a set of owned strings. */
bool meta_tenants(Meta *meta, GHashTable *tenants, GError **error);
/* Widens the range by the tenant's blocks. */
bool meta_time_range(Meta *meta, const char *tenant, int64_t *first_ns, int64_t *last_ns,
                     GError **error);
/* Good blocks and their bytes, for metrics. */
bool meta_totals(Meta *meta, int64_t *ret_blocks, int64_t *ret_bytes, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Meta, meta_close)
