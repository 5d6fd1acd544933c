/* The push envelope, and every profile in it up to the rows that would be stored. */
#include <stdint.h>
#include <stdlib.h>

#include "server/ingest/prepare.h"
#include "server/ingest/push_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_rows(const PreparedProfile *prepared)
{
    for (size_t i = 0; i < prepared->n_rows; i++) {
        const StoreRow *row = &prepared->rows[i];
        if (row->n_samples == 0 || labels_get(row->labels, "__profile_type__") == NULL ||
            labels_get(row->labels, "service_name") == NULL)
            abort();
        for (uint32_t j = 0; j < row->n_samples; j++) {
            if (row->values[j] <= 0 || row->samples[j] >= prepared->profile.n_samples)
                abort();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const TenantLimits LIMITS = {.profile_bytes_max = 256 * 1024,
                                        .samples_max = 1000,
                                        .sample_labels_max = 20,
                                        .stack_depth_max = 10,
                                        .symbol_length_max = 30,
                                        .label_names_max = 10,
                                        .label_name_length_max = 50,
                                        .label_value_length_max = 2048,
                                        .body_limit_mb = 1};
    g_autoptr(Arena) envelope = arena_new(push_message_memory_max(size));
    g_autoptr(GError) error = NULL;
    PushMessage push;
    if (!push_message_decode(data, size, envelope, &push, &error)) {
        if (error == NULL)
            abort();
        return 0;
    }
    g_autoptr(Arena) arena = arena_new(prepare_memory_max(&LIMITS));
    PrepareContext context = {
        .limits = &LIMITS, .now_ns = 1000000000, .arena = arena, .body_left = 1024 * 1024};
    for (size_t i = 0; i < push.n; i++) {
        g_autoptr(GError) failure = NULL;
        PreparedProfile prepared;
        arena_reset(arena);
        IngestReason reason = prepare_profile(&context, &push.profiles[i], &prepared, &failure);
        if ((reason == REASON_NONE) != (failure == NULL))
            abort();
        if (reason == REASON_NONE)
            check_rows(&prepared);
        prepared_profile_clear(&prepared);
    }
    return 0;
}
