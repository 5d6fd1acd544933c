/* Requests in both codecs: whatever is accepted can be written and read again. The first byte
 * chooses the message. */
#include <adhoc.pb-c.h>
#include <debuginfo.pb-c.h>
#include <health.pb-c.h>
#include <otlp.pb-c.h>
#include <push.pb-c.h>
#include <querier.pb-c.h>
#include <services.pb-c.h>
#include <settings.pb-c.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/api/api.h"
#include "server/api/connect.h"

#define ARENA_BYTES (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inputs of the corpus name a message by its place: new ones go to the end. */
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
    &adhocprofiles__v1__ad_hoc_profiles_diff_request__descriptor,
    &adhocprofiles__v1__ad_hoc_profiles_list_request__descriptor,
    &adhocprofiles__v1__ad_hoc_profiles_upload_request__descriptor,
    &debuginfo__v1alpha1__delete_debuginfo_request__descriptor,
    &debuginfo__v1alpha1__list_debuginfo_request__descriptor,
    &debuginfo__v1alpha1__should_initiate_upload_request__descriptor,
    &debuginfo__v1alpha1__upload_finished_request__descriptor,
    &opentelemetry__proto__export_profiles_service_request__descriptor,
    &querier__v1__analyze_query_request__descriptor,
    &querier__v1__profile_types_request__descriptor,
    &querier__v1__select_merge_profile_request__descriptor,
    &querier__v1__series_request__descriptor,
    &services__v1__empty__descriptor,
    &settings__v1__delete_recording_rule_request__descriptor,
    &settings__v1__delete_settings_request__descriptor,
    &settings__v1__get_recording_rule_request__descriptor,
    &settings__v1__get_settings_request__descriptor,
    &settings__v1__list_recording_rules_request__descriptor,
    &settings__v1__set_settings_request__descriptor,
    &types__v1__get_profile_stats_request__descriptor,
    &types__v1__label_names_request__descriptor,
    &types__v1__label_values_request__descriptor,
    &grpc__health__v1__health_check_request__descriptor,
};

static bool
is_listed(const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
        if (messages[i] == descriptor)
            return true;
    }
    return false;
}

/* Every request of the API is among the messages. */
static void
check_list(void)
{
    size_t n;
    const HttpRoute *routes = api_routes(&n);
    for (size_t i = 0; i < n; i++) {
        if (routes[i].handler == rpc_handle && routes[i].detail != NULL &&
            !is_listed(((const RpcMethod *)routes[i].detail)->request))
            g_error("%s has a request that is not fuzzed", routes[i].path);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gsize is_checked;
    if (g_once_init_enter(&is_checked)) {
        check_list();
        g_once_init_leave(&is_checked, 1);
    }
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
