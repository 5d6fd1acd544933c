/* Amends profiles of older SDKs, whose pprof is not what the format asks for or says less than its
 * users want to see. */
#pragma once
#include "lib/pprof/wire.h"
#include "server/tenant/limits.h"

/* What the SDK `spy` (the parameter spyName) is known to get wrong is put right in *profile, an
 * uncompressed pprof:
 *
 *   pyspy, rbspy, scripting   functions become "<file> <function>"; of pyspy not those in files
 *                             with an absolute path
 *   dotnetspy                 sample types have '_' for '-', which no profile type may hold; ids of
 *                             functions that are 0 or not unique are numbered anew
 *
 * One that cannot be decoded stays as it is. INVALID_ARGUMENT when it becomes too large. */
bool pprof_repair(WireBuffer *profile, const char *spy, const TenantLimits *limits, GError **error);
