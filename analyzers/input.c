#include "analyzers/input.h"

#include "analyzers/collect/folder.h"
#include "lib/base/error.h"

bool
input_check_options(const InputOptions *options, CheckOptions *ret_check, GError **error)
{
    *ret_check = (CheckOptions){.tier = (int)options->tier,
                                .cluster = options->cluster,
                                .now_s = g_get_real_time() / G_USEC_PER_SEC};
    if (options->now[0] != '\0' && (ret_check->now_s = time_parse(options->now)) == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--now '%s' is not a time like 2026-01-31T12:00:00Z", options->now);
    return options->input[0] != '\0' ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "--input is needed");
}

bool
input_read(const InputOptions *options, Snapshot *snapshot, GError **error)
{
    return folder_read(snapshot, options->input, error);
}
