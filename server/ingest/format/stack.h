/* Stacks of named frames for a pprof under construction, within the limits of a profile. */
#pragma once
#include <stdbool.h>

#include "lib/pprof/encode.h"
#include "server/tenant/limits.h"

/* The index of a string; what is not valid UTF-8 becomes U+FFFD. */
uint32_t stack_text(PprofBuilder *builder, const char *text, size_t length);

/* The location of a frame that only has a name and a line (0 when unknown). */
uint32_t stack_frame(PprofBuilder *builder, const char *name, size_t length, int64_t line);

/* INVALID_ARGUMENT when the profile is larger than a tenant's may be: the message names the limit.
 */
bool stack_check(const PprofBuilder *builder, const TenantLimits *limits, GError **error);

/* Adds a sample and checks. Of stacks deeper than max_profile_stacktrace_depth the root's side is
 * kept.
 */
bool stack_add(PprofBuilder *builder, const TenantLimits *limits, const PprofSample *sample,
               GError **error);
