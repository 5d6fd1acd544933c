/* Small profiles and push requests for tests against a real server. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "server/store/labels.h"

/* One stack, root first with ';' between the frames, and its CPU nanoseconds. "SPAN@a;b" was taken
 * in the span with this id. */
typedef struct {
    const char *stack;
    int64_t value;
} ProfileStack;

#define PROFILE_CPU_TYPE "process_cpu:cpu:nanoseconds:cpu:nanoseconds"

/* An uncompressed CPU pprof of these stacks taken at `time_ns`. */
GBytes *profile_of(const ProfileStack *stacks, size_t n, int64_t time_ns);

/* A push.v1.PushRequest with one series per profile: labels __name__=process_cpu, service_name and
 * any further ones. */
typedef struct {
    const char *service;
    const Label *labels;
    size_t n_labels;
    GBytes *profile;
} ProfileSeries;

GBytes *push_request_of(const ProfileSeries *series, size_t n);
