/* From the stacks of one process to pprof: symbolized, with inlined calls as lines, mappings with
 * their build-ids, and cut into parts that servers accept.
 *
 * Sample type and period type are cpu/nanoseconds, so that the profile is
 * process_cpu:cpu:nanoseconds:cpu:nanoseconds. A frame without a symbol is named by its file and
 * the offset of its function, else its own, `libfoo.so+0x1234`; code in no file is `[jit]`; the
 * root frame of a stack that was cut says why. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "agent/export/window.h"
#include "agent/symbolize/symbolizer.h"

/* Below the limits of 16,000 samples and 4 MiB (max_profile_stacktrace_samples,
 * max_profile_size_bytes) that Pyroscope has. */
#define PROFILE_WRITER_SAMPLES_MAX 15000
#define PROFILE_WRITER_BYTES_MAX   (7 * 512 * 1024)

typedef struct ProfileWriter ProfileWriter;

/* `period_ns` is the sampling interval. The symbolizer is borrowed. */
ProfileWriter *profile_writer_new(Symbolizer *symbolizer, int64_t period_ns);
void profile_writer_free(ProfileWriter *writer);

/* Looks up the addresses of all processes of a window, each file once. To be called before the
 * profiles of the window are written. */
void profile_writer_begin(ProfileWriter *writer, const Window *window);

/* Called for each part, mostly once; `pprof` is plain and borrowed. */
typedef void (*ProfilePartFunc)(const uint8_t *pprof, size_t size, void *data);

void profile_writer_write(ProfileWriter *writer, const Window *window, const WindowProcess *process,
                          ProfilePartFunc func, void *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProfileWriter, profile_writer_free)
