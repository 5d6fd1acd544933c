/* Writes the datasets of one tenant in one head as a block file. */
#pragma once
#include "server/store/disk.h"
#include "server/store/head.h"

/* What the metastore keeps of a block. */
typedef struct {
    char *service;
    uint32_t number; /* of the dataset in the block */
    uint64_t n_rows, n_series, n_samples;
    int64_t first_ns, last_ns;
    GStrv types; /* profile types, sorted */
    GBytes *toc; /* its entries of the section table; NULL when read from a block */
} BlockDatasetInfo;

typedef struct {
    char *tenant, *segment;
    uint64_t size, n_rows, n_samples;
    int64_t first_ns, last_ns;
    GPtrArray *datasets; /* BlockDatasetInfo */
} BlockInfo;

/* Writes and syncs `path` from `views` (HeadView), all of `tenant`; not its name in the folder. */
BlockInfo *block_write(Disk *disk, const char *path, const char *tenant, const char *segment,
                       const GArray *views, GError **error);
/* An empty one. */
BlockInfo *block_info_new(const char *tenant, const char *segment);
void block_info_free(BlockInfo *info);
void block_dataset_info_free(void *info);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BlockInfo, block_info_free)
