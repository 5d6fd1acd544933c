/* cresset-analyzer run: what a CronJob does. */
#pragma once
#include "analyzers/backends.h"

typedef struct {
    InputOptions input;
    BackendsOptions backends;
    BackendOptions findings; /* the server that they are reported to */
    char *state, *url, *url_file, *form, *severity;
    bool dry_run;
} RunOptions;

extern const OptionTable run_option_table;

/* EXIT_NOTHING, or EXIT_NOT_RUN when the cluster could not be read, the state not kept, or the
 * webhook refuses what it gets. */
int run_run(const void *options, const char *argument);
