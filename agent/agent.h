/* The agent: sampler, exporter, the clock of the windows and the status server, on one main loop.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "agent/options.h"

/* Exit statuses of the program. */
enum { AGENT_EXIT_OK = 0, AGENT_EXIT_FAILED = 1, AGENT_EXIT_BAD_OPTION = 2 };

/* Profiles this machine until SIGTERM or SIGINT, then delivers what is left. Returns an exit
 * status; what went wrong has been written to standard error as one line by then, and what the
 * kernel or the capabilities lack as one line each. */
int agent_run(const AgentOptions *options);
