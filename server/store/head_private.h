/* What head.c shares with head_append.c and head_restore.c. */
#pragma once
#include "server/store/head.h"
#include "server/store/sample_run.h"

enum { HEAD_CHUNK_SIZE = 256 * 1024 };

/* Where the number of a dataset would stand behind the span runs of a frame: annotations follow. */
#define FRAME_ANNOTATIONS UINT32_MAX

struct Head {
    gatomicrefcount n_refs;
    Ulid segment;
    ColumnGuard guard;
    GPtrArray *datasets; /* HeadDataset; grows under the guard's lock */
    GHashTable *by_name;
    uint32_t n_framed; /* datasets that the log names */
    GPtrArray *chunks; /* sample runs */
    uint8_t *chunk_at;
    size_t chunk_left, chunk_bytes;
    uint64_t n_rows, n_samples; /* published */
    /* Scratch of head_append. */
    SampleKey *keys;
    uint8_t *encoded;
    size_t keys_capacity, encoded_capacity;
};

HeadDataset *head_add_dataset(Head *head, const char *tenant, const char *service);
HeadDataset *head_find_dataset(Head *head, const char *tenant, const char *service);
/* A copy of `bytes` that lives as long as the head. */
const uint8_t *head_keep_bytes(Head *head, const uint8_t *bytes, size_t size);
void head_publish_locked(Head *head, HeadDataset *dataset);
