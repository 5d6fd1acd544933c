/* Compressed bodies: never more than the cap comes out, and what came out can be packed again. The
 * first byte chooses the coding and the cap. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/encoding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_round_trip(Encoding encoding, const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) plain = g_bytes_new(data, size);
    g_autoptr(GBytes) packed = encoding_encode(encoding, plain);
    if (packed == NULL)
        return;
    gsize packed_size;
    const uint8_t *bytes = g_bytes_get_data(packed, &packed_size);
    g_autofree uint8_t *again = NULL;
    size_t again_size;
    if (!encoding_decode(encoding, bytes, packed_size, size, "knob", &again, &again_size, NULL) ||
        again_size != size || memcmp(again, data, size) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    Encoding encoding = (Encoding)(data[0] % 3);
    size_t cap = (size_t)1 << (data[0] / 3 % 21);
    g_autofree uint8_t *body = g_memdup2(data + 1, size - 1), *decoded = NULL;
    size_t decoded_size;
    g_autoptr(GError) error = NULL;
    if (!encoding_decode(encoding, body, size - 1, cap, "knob", &decoded, &decoded_size, &error)) {
        if (error == NULL)
            abort();
        return 0;
    }
    if (error != NULL || (encoding != ENCODING_IDENTITY && decoded_size > cap))
        abort();
    if (decoded_size > 0)
        check_round_trip(encoding, decoded, decoded_size);
    return 0;
}
