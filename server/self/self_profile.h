/* The server's own CPU profile, so that there is something to see even where BPF is not allowed.
 *
 * A CPU-time timer interrupts whichever thread is running; the handler captures its stack without
 * locks or allocation into a ring, and a worker thread symbolizes the ring once per window and
 * hands over a finished pprof. One instance per process. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SelfProfile SelfProfile;

/* One finished window: a pprof (plain, not compressed) with the sample type cpu/nanoseconds and the
 * period type cpu/nanoseconds, to be stored as process_cpu. Called on the worker thread, which
 * waits for it; `pprof` is borrowed. */
typedef void (*SelfProfileFunc)(const uint8_t *pprof, size_t size, void *data);

typedef struct {
    int64_t rate_hz;   /* samples per second of CPU time; 0 is 97 */
    int64_t window_ns; /* 0 is 15 s */
    SelfProfileFunc func;
    void *data;
} SelfProfileOptions;

/* Starts the timer and the worker. Takes over SIGPROF of the process. Returns NULL and sets *error
 * when the timer cannot be made or an instance exists already. */
SelfProfile *self_profile_start(const SelfProfileOptions *options, GError **error);
/* Stops the timer, hands over what the last window holds and frees everything. NULL is allowed. */
void self_profile_stop(SelfProfile *self);

/* Appends cresset_self_profile_samples_total and cresset_self_profile_dropped_total. */
void self_profile_write_metrics(SelfProfile *self, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SelfProfile, self_profile_stop)
