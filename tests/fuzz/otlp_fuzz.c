/* Requests of OpenTelemetry profiles. */
#include "server/ingest/format/otlp.h"
#include "tests/fuzz/format_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_auto(OtlpRejected) rejected = {0};
    g_autofree uint8_t *message = g_memdup2(data, size);
    const OtlpRequest request = {.data = message, .size = size};
    uint64_t n;
    bool ok = otlp_read(&request, &FORMAT_LIMITS, 1, set, &n, &rejected, &error);
    if (ok != (error == NULL) || rejected.n > n || (rejected.n > 0) != (rejected.reason != NULL))
        abort();
    return 0;
}
