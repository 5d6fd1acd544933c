#include "server/ingest/annotations.h"

#include "lib/base/jsonw.h"
#include "server/tenant/quota.h"

enum { TEXT_BYTES = 256 /* of nearly all texts */ };

static void
clear_annotation(void *annotation)
{
    g_free((char *)(uintptr_t)((Label *)annotation)->value);
}

static void
begin(JsonWriter *json)
{
    jsonw_init(json, TEXT_BYTES);
    jsonw_object_begin(json);
    jsonw_key(json, "body");
    jsonw_object_begin(json);
}

static void
put_int(JsonWriter *json, const char *key, int64_t value)
{
    jsonw_key(json, key);
    jsonw_int(json, value);
}

static void
put_text(JsonWriter *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    jsonw_string(json, text);
}

/* Completes the text and adds it to the array, which is made for the first. */
static void
end(JsonWriter *json, const char *name, GArray **annotations)
{
    jsonw_object_end(json);
    jsonw_object_end(json);
    Label annotation = {name, g_strndup(json->data, json->size)};
    jsonw_clear(json);
    if (*annotations == NULL) {
        *annotations = g_array_new(FALSE, FALSE, sizeof(Label));
        g_array_set_clear_func(*annotations, clear_annotation);
    }
    g_array_append_val(*annotations, annotation);
}

static void
add_throttled(const IngestThrottle *throttle, GArray **annotations)
{
    const IngestLimit *limit = throttle->limit;
    JsonWriter json;
    begin(&json);
    put_text(&json, "periodType", ingest_period_name(limit->period));
    put_int(&json, "periodLimitMb", throttle->limit_mb);
    put_int(&json, "limitResetTime", throttle->reset_s);
    put_int(&json, "samplingPeriodSec", limit->sampling_period_ns / 1000000000);
    put_int(&json, "samplingRequests", limit->sampling_requests);
    put_text(&json, "usageGroup", throttle->usage_group);
    end(&json, ANNOTATION_THROTTLED, annotations);
}

static void
add_sampled(const UsageMatch *usage, GArray **annotations)
{
    JsonWriter json;
    begin(&json);
    jsonw_key(&json, "source");
    jsonw_object_begin(&json);
    put_text(&json, "usageGroup", usage->keep_group);
    jsonw_key(&json, "probability");
    jsonw_double(&json, usage->keep);
    jsonw_object_end(&json);
    end(&json, ANNOTATION_SAMPLED, annotations);
}

GArray *
annotations_new(const GArray *throttles, const UsageMatch *usage)
{
    GArray *annotations = NULL;
    for (guint i = 0; throttles != NULL && i < throttles->len; i++)
        add_throttled(&g_array_index(throttles, IngestThrottle, i), &annotations);
    if (usage->keep_group != NULL && usage->keep < 1)
        add_sampled(usage, &annotations);
    return annotations;
}
