/* A Kubernetes Event on the CronJob of the analyzer: that a receiver does not get its messages. */
#pragma once
#include "analyzers/collect/snapshot.h"
#include "lib/k8s/client.h"

/* The CronJob, by its namespace and name. */
typedef struct {
    char *ns, *name;
} FailureEvent;

/* Reads "NAMESPACE/NAME"; "" is none, with NULL in *ret_event. INVALID_ARGUMENT names the option.
 */
bool failure_event_parse(const char *text, FailureEvent **ret_event, GError **error);
void failure_event_free(FailureEvent *event);

/* What there is to say of a receiver. */
typedef struct {
    const char *receiver, *text;
    int64_t since_s, now_s; /* of the first failure in a row */
} Failure;

/* Creates the Event (events.k8s.io/v1). API servers keep Events for an hour, so there is one for
 * each hour that a receiver fails, however many runs say it. UNAVAILABLE with the server's words.
 */
bool failure_event_send(const FailureEvent *event, K8sClient *client, const Snapshot *snapshot,
                        const Failure *failure, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FailureEvent, failure_event_free)
