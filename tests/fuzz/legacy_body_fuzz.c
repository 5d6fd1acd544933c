/* Whole bodies of POST /ingest: the Content-Type up to the first line break, then the body. The
 * first byte chooses the format. */
#include <string.h>

#include "server/api/legacy_body.h"
#include "tests/fuzz/format_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data + 1, '\n', size - 1) : NULL;
    if (end == NULL)
        return 0;
    g_autofree char *type = g_strndup((const char *)data + 1, (gsize)(end - data - 1));
    size_t body_size = (size_t)(data + size - end - 1);
    g_autofree uint8_t *body = g_memdup2(end + 1, body_size);
    const HttpPair params[] = {{"format", legacy_format_name((LegacyFormat)(data[0] % 8))},
                               {"spyName", data[0] < 0x80 ? "pyspy" : "dotnetspy"}};
    const HttpPair header = {"Content-Type", type};
    const HttpRequest request = {.params = params,
                                 .n_params = G_N_ELEMENTS(params),
                                 .headers = &header,
                                 .n_headers = 1,
                                 .body = body,
                                 .body_size = body_size};
    (void)legacy_body_format(&request);
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    if (legacy_body_read(&request, (LegacyFormat)(data[0] % 8), &FORMAT_SOURCE, set, &error) !=
        (error == NULL))
        abort();
    return 0;
}
