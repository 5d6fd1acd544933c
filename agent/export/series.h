/* The labels of a process, and the encoded series that carries one profile of it
 * (push.v1.RawProfileSeries). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/export/window.h"

/* Labels that every profile of this agent gets. */
typedef struct {
    char *node;        /* value of the label `node` */
    GPtrArray *names;  /* char *, of the fixed labels */
    GPtrArray *values; /* char * */
} SeriesLabels;

/* Parses `labels` ("KEY=VALUE", NULL at the end; NULL: none). INVALID_ARGUMENT names the label that
 * is malformed, reserved or given twice. `node` NULL: the name of this host. */
bool series_labels_init(SeriesLabels *labels, const char *node, const char *const *pairs,
                        GError **error);
void series_labels_clear(SeriesLabels *labels);

/* The service that a process belongs to when no label says so: "kernel" for kernel threads, else
 * the base name of its executable, else its comm. The caller frees. */
char *series_service_name(const WindowProcess *process);

/* Encodes the labels of `process` and its gzipped profile; the sample gets a new random id, by
 * which the server knows a repeated push. */
GBytes *series_encode(const SeriesLabels *labels, const WindowProcess *process,
                      const uint8_t *profile, size_t size);
