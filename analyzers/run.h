/* cresset-analyzer run: what a CronJob does. */
#pragma once
#include "analyzers/look.h"
#include "analyzers/metrics_target.h"

typedef struct {
    LookOptions look;
    char *state, *notify_file, *url, *url_file, *form, *severity, *failure_event, *findings_link;
    MetricsTargetOptions metrics;
    int64_t confirm_ns;
    bool dry_run;
} RunOptions;

extern const OptionTable run_option_table;

/* EXIT_NOTHING, or EXIT_NOT_RUN when the cluster could not be read, the state not kept, or a
 * receiver refuses what it gets or was out of reach in two runs, or the metrics not written. */
int run_run(const void *options, const char *argument);
