#include "server/ingest/format/stack.h"

#include <inttypes.h>

#include "lib/base/error.h"
#include "lib/pprof/utf8.h"

uint32_t
stack_text(PprofBuilder *builder, const char *text, size_t length)
{
    if (utf8_is_valid(text, length))
        return pprof_builder_string(builder, text, length);
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)length);
    return pprof_builder_text(builder, valid);
}

uint32_t
stack_frame(PprofBuilder *builder, const char *name, size_t length, int64_t line)
{
    const PprofFunction function = {.name = stack_text(builder, name, length)};
    const PprofLine at = {.function = pprof_builder_function(builder, &function), .line = line};
    const PprofLocation location = {.lines = &at, .n_lines = 1};
    return pprof_builder_location(builder, &location);
}

bool
stack_check(const PprofBuilder *builder, const TenantLimits *limits, GError **error)
{
    if (pprof_builder_n_samples(builder) > (size_t)limits->samples_max)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the profile has more than %" PRId64
                         " different stacks (max_profile_stacktrace_samples)",
                         limits->samples_max);
    if (pprof_builder_size(builder) > (size_t)limits->profile_bytes_max)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the profile is over the limit of %" PRId64
                         " bytes as pprof (max_profile_size_bytes)",
                         limits->profile_bytes_max);
    return true;
}

bool
stack_add(PprofBuilder *builder, const TenantLimits *limits, const PprofSample *sample,
          GError **error)
{
    PprofSample cut = *sample;
    if (limits->stack_depth_max > 0 && cut.n_locations > (size_t)limits->stack_depth_max) {
        cut.locations += cut.n_locations - (size_t)limits->stack_depth_max;
        cut.n_locations = (size_t)limits->stack_depth_max;
    }
    pprof_builder_sample(builder, &cut);
    return stack_check(builder, limits, error);
}
