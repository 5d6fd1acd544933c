/* What was refused or dropped, counted by reason and tenant. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/ingest/reason.h"

/* Tenants that are counted by name; what others lose is counted without. */
enum { DISCARDS_TENANTS_MAX = 1000 };

typedef struct Discards Discards;

Discards *discards_new(void);
void discards_free(Discards *discards);

/* Counts so many profiles of so many bytes in all. From any thread. */
void discards_count(Discards *discards, const char *tenant, IngestReason reason, uint64_t profiles,
                    uint64_t bytes);

/* Appends pyroscope_discarded_samples_total and pyroscope_discarded_bytes_total as Prometheus text:
 * every reason, or with `by_tenant` the reasons of each tenant that have counted something. From
 * any thread. */
void discards_write_metrics(Discards *discards, bool by_tenant, GString *out);
