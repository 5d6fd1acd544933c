/* cresset-analyzer heartbeat: whether the collectors of telemetry report, node by node. */
#pragma once
#include "analyzers/backends.h"

typedef struct {
    InputOptions input;
    BackendsOptions backends;
    char *output;
    bool explain;
} HeartbeatOptions;

extern const OptionTable heartbeat_option_table;

/* EXIT_NOTHING when all report, EXIT_FINDINGS when a node is silent or nothing can be said, or
 * EXIT_NOT_RUN when the cluster could not be read or no back end of metrics is given. */
int heartbeat_run(const void *options, const char *argument);
