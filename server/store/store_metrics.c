#include "server/store/store_private.h"

static const double second_buckets[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                        0.05,   0.1,     0.25,   0.5,   1,      2.5,   0};

const MetricRow store_metric_rows[STORE_N_METRICS] = {
    [STORE_METRIC_ROWS] = {"cresset_store_appended_rows_total", METRIC_COUNTER,
                           "Series rows taken into the log.", NULL, NULL, NULL},
    [STORE_METRIC_SAMPLES] = {"cresset_store_appended_samples_total", METRIC_COUNTER,
                              "Samples taken into the log.", NULL, NULL, NULL},
    [STORE_METRIC_BYTES] = {"cresset_store_log_written_bytes_total", METRIC_COUNTER,
                            "Bytes written to the log.", NULL, NULL, NULL},
    [STORE_METRIC_COMMITS] = {"cresset_store_commits_total", METRIC_COUNTER,
                              "Group commits of the log: one write and one sync each.", NULL, NULL,
                              NULL},
    [STORE_METRIC_SYNC_SECONDS] = {"cresset_store_sync_seconds", METRIC_HISTOGRAM,
                                   "Time that one write and sync of the log took.", NULL, NULL,
                                   second_buckets},
    [STORE_METRIC_RECOVERED] = {"cresset_store_recovered_frames_total", METRIC_COUNTER,
                                "Log frames read back at start.", NULL, NULL, NULL},
    [STORE_METRIC_BAD_TAILS] = {"cresset_store_bad_tails_total", METRIC_COUNTER,
                                "Torn or corrupt ends of log files set aside at start.", NULL, NULL,
                                NULL},
    [STORE_METRIC_SEAL_SECONDS] = {"cresset_store_seal_seconds", METRIC_HISTOGRAM,
                                   "Time it took to turn a log segment into blocks.", NULL, NULL,
                                   second_buckets},
    [STORE_METRIC_SEAL_FAILURES] = {"cresset_store_seal_failures_total", METRIC_COUNTER,
                                    "Tries to turn a log segment into blocks that failed.", NULL,
                                    NULL, NULL},
    [STORE_METRIC_QUARANTINED] = {"cresset_store_quarantined_blocks_total", METRIC_COUNTER,
                                  "Blocks found corrupt and moved aside.", NULL, NULL, NULL},
    [STORE_METRIC_BLOCKS] = {"cresset_store_blocks", METRIC_GAUGE, "Readable blocks.", NULL, NULL,
                             NULL},
    [STORE_METRIC_BLOCK_BYTES] = {"cresset_store_block_bytes", METRIC_GAUGE,
                                  "Bytes of the readable blocks.", NULL, NULL, NULL},
    [STORE_METRIC_HEAD_BYTES] = {"cresset_store_head_bytes", METRIC_GAUGE,
                                 "Memory of what is not yet sealed into blocks.", NULL, NULL, NULL},
    [STORE_METRIC_WRITABLE] = {"cresset_store_writable", METRIC_GAUGE,
                               "1 while appends are taken, 0 when the log cannot be written.", NULL,
                               NULL, NULL},
};

void
store_write_metrics(Store *store, GString *out)
{
    size_t bytes = 0;
    g_mutex_lock(&store->append_lock);
    bytes += head_size(store->head);
    StoreState state = store->state;
    g_mutex_lock(&store->source_lock);
    for (unsigned i = 0; i < store->frozen->len; i++)
        bytes += head_size(store->frozen->pdata[i]);
    g_mutex_unlock(&store->source_lock);
    g_mutex_unlock(&store->append_lock);
    int64_t n_blocks = 0, block_bytes = 0;
    if (meta_totals(store->meta, &n_blocks, &block_bytes, NULL)) {
        metrics_set(store->metrics, STORE_METRIC_BLOCKS, 0, (double)n_blocks);
        metrics_set(store->metrics, STORE_METRIC_BLOCK_BYTES, 0, (double)block_bytes);
    }
    metrics_set(store->metrics, STORE_METRIC_HEAD_BYTES, 0, (double)bytes);
    metrics_set(store->metrics, STORE_METRIC_WRITABLE, 0, state == STORE_WRITABLE);
    metrics_write(store->metrics, out);
}
