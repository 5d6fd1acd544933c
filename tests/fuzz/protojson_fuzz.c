/* Requests in JSON: whatever is accepted can be written and read again. The first byte chooses the
 * message. */
#include <adhoc.pb-c.h>
#include <push.pb-c.h>
#include <querier.pb-c.h>
#include <settings.pb-c.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/api/codec.h"

#define ARENA_BYTES (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const messages[] = {
        &querier__v1__select_merge_stacktraces_request__descriptor,
        &querier__v1__select_series_request__descriptor,
        &push__v1__push_request__descriptor,
        &google__v1__profile__descriptor,
        &querier__v1__diff_request__descriptor,
        &querier__v1__select_heatmap_request__descriptor,
        &querier__v1__select_merge_span_profile_request__descriptor,
        &settings__v1__upsert_recording_rule_request__descriptor,
        &adhocprofiles__v1__ad_hoc_profiles_get_request__descriptor,
    };
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *descriptor = messages[data[0] % G_N_ELEMENTS(messages)];
    g_autoptr(Arena) arena = arena_new(ARENA_BYTES);
    for (int codec = CODEC_PROTO; codec <= CODEC_JSON; codec++) {
        const ProtobufCMessage *message =
            codec_decode((Codec)codec, descriptor, data + 1, size - 1, arena, NULL);
        if (message == NULL)
            continue;
        /* protobuf-c keeps unknown fields as they came, sense or not: only JSON drops them. */
        for (int other = codec == CODEC_PROTO ? CODEC_JSON : CODEC_PROTO; other <= CODEC_JSON;
             other++) {
            g_autoptr(GBytes) bytes = codec_encode((Codec)other, message);
            size_t length;
            const uint8_t *text = g_bytes_get_data(bytes, &length);
            g_autoptr(Arena) second = arena_new(4 * ARENA_BYTES);
            if (codec_decode((Codec)other, descriptor, text, length, second, NULL) == NULL)
                abort();
        }
    }
    return 0;
}
