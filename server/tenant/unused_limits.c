#include "server/tenant/unused_limits.h"

#include <glib.h>
#include <string.h>

static const char *const names[] = {
    "adaptive_placement_burst_window",
    "adaptive_placement_decay_window",
    "adaptive_placement_default_dataset_shards",
    "adaptive_placement_load_balancing",
    "adaptive_placement_max_dataset_shards",
    "adaptive_placement_min_dataset_shards",
    "adaptive_placement_tenant_shards",
    "adaptive_placement_unit_size_bytes",
    "async_ingest",
    "compactor_blocks_retention_period",
    "compactor_downsampler_enabled",
    "compactor_partial_block_deletion_delay",
    "compactor_split_and_merge_shards",
    "compactor_split_and_merge_stage_size",
    "compactor_split_groups",
    "compactor_tenant_shard_size",
    "disable_label_sanitization",
    "distributor_aggregation_period",
    "distributor_aggregation_window",
    "distributor_sampling",
    "distributor_usage_groups",
    "enable_query_backend",
    "enable_query_backend_from",
    "enforce_labels_order",
    "include_stripped_profiles",
    "ingestion_artificial_delay",
    "ingestion_limit",
    "ingestion_tenant_shard_size",
    "keep_stripped_profiles",
    "max_async_query_concurrency",
    "max_flamegraph_nodes_on_select_merge_profile",
    "max_global_series_per_tenant",
    "max_local_series_per_tenant",
    "max_query_parallelism",
    "max_recording_rules",
    "push_max_concurrency",
    "query_analysis_enabled",
    "query_analysis_series_enabled",
    "query_sanitize_on_merge",
    "query_tree_enabled",
    "recording_rules",
    "retention_period",
    "s3_sse_kms_encryption_context",
    "s3_sse_kms_key_id",
    "s3_sse_type",
    "split_queries_by_interval",
    "store_gateway_tenant_shard_size",
    "symbolizer",
    "write_path",
    "write_path_compression",
    "write_path_ingester_weight",
    "write_path_segment_writer_timeout",
    "write_path_segment_writer_weight",
};

const char *const *
unused_limits(size_t *ret_n)
{
    *ret_n = G_N_ELEMENTS(names);
    return names;
}

bool
unused_limit_is(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}
