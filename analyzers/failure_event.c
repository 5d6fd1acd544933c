#include "analyzers/failure_event.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "lib/base/text.h"

/* Of events.k8s.io/v1: bytes of `note`, characters of `reportingInstance`. */
enum { NOTE_MAX = 1000, INSTANCE_MAX = 128, HOUR_S = 3600, TIMEOUT_MS = 10 * 1000 };

bool
failure_event_parse(const char *text, FailureEvent **ret_event, GError **error)
{
    *ret_event = NULL;
    if (text[0] == '\0')
        return true;
    g_auto(GStrv) parts = g_strsplit(text, "/", -1);
    if (g_strv_length(parts) != 2 || parts[0][0] == '\0' || parts[1][0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--failure-event '%s' is not NAMESPACE/NAME of a CronJob", text);
    *ret_event = g_new0(FailureEvent, 1);
    **ret_event = (FailureEvent){.ns = g_strdup(parts[0]), .name = g_strdup(parts[1])};
    return true;
}

void
failure_event_free(FailureEvent *event)
{
    if (event == NULL)
        return;
    g_free(event->ns);
    g_free(event->name);
    g_free(event);
}

static void
write_pairs(JsonWriter *json, const char *const *pairs)
{
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        jsonw_key(json, pairs[i]);
        jsonw_string(json, pairs[i + 1]);
    }
}

static void
write_object(JsonWriter *json, const char *key, const char *const *pairs)
{
    jsonw_key(json, key);
    jsonw_object_begin(json);
    write_pairs(json, pairs);
    jsonw_object_end(json);
}

/* The same for each run of an hour of a failure. */
static char *
event_name(const FailureEvent *event, const Failure *failure)
{
    enum { DIGITS = 16 };
    g_autofree char *facts =
        g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, failure->receiver,
                        failure->since_s, (failure->now_s - failure->since_s) / HOUR_S);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, facts, -1);
    return g_strdup_printf("%s.%.*s", event->name, DIGITS, hash);
}

/* metav1.MicroTime has to have microseconds. */
static char *
micro_time(int64_t seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%S.000000Z") : g_strdup("");
}

static GBytes *
event_json(const FailureEvent *event, const Snapshot *snapshot, const Failure *failure)
{
    const Object *cronjob = snapshot_get(snapshot, KIND_CRON_JOB, event->ns, event->name);
    g_autofree char *name = event_name(event, failure), *time = micro_time(failure->now_s);
    g_autofree char *note = printable_line(failure->text, strlen(failure->text), NOTE_MAX),
                    *host =
                        printable_line(g_get_host_name(), strlen(g_get_host_name()), INSTANCE_MAX);
    const char *uid = cronjob != NULL ? cronjob->uid : "";
    const char *const facts[] = {"apiVersion",
                                 "events.k8s.io/v1",
                                 "kind",
                                 "Event",
                                 "eventTime",
                                 time,
                                 "reportingController",
                                 "cresset-analyzer",
                                 "reportingInstance",
                                 host,
                                 "action",
                                 "Notify",
                                 "reason",
                                 "DeliveryFailing",
                                 "type",
                                 "Warning",
                                 "note",
                                 note,
                                 NULL};
    const char *const metadata[] = {"name", name, "namespace", event->ns, NULL};
    const char *const regarding[] = {"apiVersion", "batch/v1",  "kind",
                                     "CronJob",    "namespace", event->ns,
                                     "name",       event->name, uid[0] != '\0' ? "uid" : NULL,
                                     uid,          NULL};
    JsonWriter json;
    jsonw_init(&json, 1024);
    jsonw_object_begin(&json);
    write_pairs(&json, facts);
    write_object(&json, "metadata", metadata);
    write_object(&json, "regarding", regarding);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

bool
failure_event_send(const FailureEvent *event, K8sClient *client, const Snapshot *snapshot,
                   const Failure *failure, GError **error)
{
    enum { ALREADY_EXISTS = 409 };
    g_autofree char *path = k8s_path("events.k8s.io", "v1", event->ns, "events", NULL);
    g_autoptr(GBytes) object = event_json(event, snapshot, failure);
    g_auto(K8sOutcome) outcome = {0};
    const K8sCall call = {.timeout_ms = TIMEOUT_MS, .tries_max = 2};
    return k8s_client_create(client, path, object, &call, &outcome) ||
           outcome.status == ALREADY_EXISTS ||
           error_set(error, CRESSET_ERROR_UNAVAILABLE, "no Event could be created at %s/%s: %s",
                     event->ns, event->name, outcome.message);
}
