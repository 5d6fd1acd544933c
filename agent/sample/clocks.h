/* One software clock event for every CPU that is on line, each with a period of its own. */
#pragma once
#include <bpf/libbpf.h>
#include <glib.h>
#include <stdbool.h>

typedef struct Clocks Clocks;

/* Opens the events and runs `program` (borrowed) on each of their ticks. */
Clocks *clocks_new(struct bpf_program *program, double rate_hz, GError **error);
void clocks_free(Clocks *clocks);
bool clocks_set_rate(Clocks *clocks, double rate_hz, GError **error);
/* Opens clocks for CPUs that came on line, closes those of CPUs that went, and draws new periods.
 */
void clocks_adjust(Clocks *clocks);

/* Parses a list such as "0-3,8" into ids; empty when it makes no sense. */
GArray *clocks_parse_cpus(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Clocks, clocks_free)
