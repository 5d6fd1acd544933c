/* What /ingest reads by itself: the name, multipart bodies, the top level of a pprof, and what it
 * repairs of one. The first byte chooses. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/api/app_name.h"
#include "server/api/legacy_pprof.h"
#include "server/api/multipart.h"
#include "server/api/time_range.h"
#include "server/ingest/format/pprof_repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_multipart(const uint8_t *data, size_t size)
{
    g_autoptr(GArray) parts = multipart_parse(data, size, "X", NULL);
    if (parts == NULL)
        return;
    unsigned sum = 0;
    for (guint i = 0; i < parts->len; i++) {
        const MultipartPart *part = &g_array_index(parts, MultipartPart, i);
        for (size_t k = 0; k < part->size; k++)
            sum += part->data[k];
    }
    volatile unsigned keep = sum;
    (void)keep;
}

static void
read_name(const char *text)
{
    g_auto(AppName) name = {0};
    app_name_parse(text, &name, NULL);
    time_text_parse(text, 0);
}

static void
repair(const uint8_t *data, size_t size, const char *spy)
{
    static const TenantLimits LIMITS = {.profile_bytes_max = 256 * 1024};
    WireBuffer profile = {0};
    wire_put_raw(&profile, data, size);
    pprof_repair(&profile, spy, &LIMITS, NULL);
    g_free(profile.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int64_t time_ns;
    g_autofree uint8_t *body = g_memdup2(data + 1, size - 1);
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    if (data[0] % 4 == 0) {
        read_multipart(body, size - 1);
    } else if (data[0] % 4 == 1) {
        read_name(text);
    } else if (data[0] % 4 == 3) {
        repair(body, size - 1, "pyspy");
        repair(body, size - 1, "dotnetspy");
    } else {
        g_auto(GStrv) types = legacy_pprof_sample_types(body, size - 1, &time_ns, NULL);
        if (types != NULL)
            g_free(legacy_pprof_name((const char *const *)types, text, size - 1, NULL));
    }
    return 0;
}
