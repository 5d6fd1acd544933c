/* What is pushed, counted by tenant and usage group (usage_groups.h). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Names of groups that are counted for one tenant; what has others is counted as "other". */
enum { USAGE_NAMES_MAX = 100 };

typedef struct Usage Usage;

Usage *usage_new(void);
void usage_free(Usage *usage);

/* Counts a profile of so many uncompressed bytes once for each of these groups. From any thread. */
void usage_count(Usage *usage, const char *tenant, const GPtrArray *names, size_t bytes,
                 bool is_sampled_out);

/* Appends cresset_ingest_usage_group_… as Prometheus text, nothing as long as nothing was
 * counted. */
void usage_write_metrics(Usage *usage, GString *out);
