/* Samples the machine and keeps the stacks of chosen processes, with the name of the nearest ELF
 * symbol for every frame. For tests. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "agent/sample/sampler.h"

typedef struct {
    GPtrArray *names; /* char *, the leaf first: a symbol, "[kernel]", "[anon]" or "[file]" */
    uint32_t pid, namespace_pid;
    uint64_t period_ns;
    uint8_t stop_reason;
    bool is_cut;
} CollectedStack;

typedef struct Collector Collector;

/* NULL with *error when sampling is not possible here. */
Collector *collector_new(const SamplerConfig *config, GError **error);
void collector_free(Collector *collector);
Sampler *collector_sampler(Collector *collector);

/* Symbols of the executable at `path` are looked up in `symbols` instead. */
void collector_set_symbols(Collector *collector, const char *path, const char *symbols);
/* Starts a program; it is killed by collector_stop_process or collector_free. -1 on failure. */
pid_t collector_spawn(Collector *collector, const char *const *argv);
/* Kills and reaps; returns the CPU time it took, in ns. */
uint64_t collector_stop_process(Collector *collector, pid_t pid);
/* Waits until it ends by itself; returns the CPU time it took, in ns. */
uint64_t collector_await_process(Collector *collector, pid_t pid);
/* Also keeps the stacks of all processes with that comm (at most 15 bytes). */
void collector_want_comm(Collector *collector, const char *comm);

/* Runs the loop until no table is being built, so that no stack waits for one. */
void collector_settle(Collector *collector);
/* Runs the loop until `n` wanted stacks were kept, or a minute has passed. */
void collector_run(Collector *collector, guint n);
/* The stacks kept since the last call; to be unreferenced. */
GPtrArray *collector_take(Collector *collector);

/* Position of a frame named `name`, or -1. */
int collected_find(const CollectedStack *stack, const char *name);
/* Whether `chain` (leaf first, NULL at the end) stands in the stack without gaps. */
bool collected_has_chain(const CollectedStack *stack, const char *const *chain);
void collected_print(const CollectedStack *stack);
