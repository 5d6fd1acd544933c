/* Facts of objects that many checks ask for: conditions, ages, who sends requests. */
#pragma once
#include "analyzers/checks/container.h"
#include "analyzers/collect/change.h"

/* Whether a condition has this status ("True", "False", "Unknown"). */
bool status_is(const Object *object, const char *type, const char *status);
/* When a condition last changed; 0: not known. */
int64_t status_since(const Object *object, const char *type);
/* Being deleted: metadata.deletionTimestamp is set. */
bool status_is_deleted(const Object *object);
/* Whether it has been there, and not been changed, for so long. */
bool status_is_settled(const CheckRun *run, const Object *object, int64_t seconds);

/* A pod that should be ready and is not: neither finished, deleted nor evicted on purpose.
 * *ret_since_s: since when, 0 when not known. */
bool pod_is_unready(const Object *pod, int64_t *ret_since_s);
/* Whether a pod is not ready for as long as the row holds. One whose containers restart again and
 * again is ready in between: it counts from its creation, and *ret_since_s is 0. */
bool pod_is_down(const CheckRun *run, const CheckRow *row, const Object *pod, int64_t *ret_since_s);
/* Succeeded or Failed. */
bool pod_is_finished(const Object *pod);
/* The node that it runs on, or, while it waits, that a DaemonSet made it for; "". */
const char *pod_node(const Object *pod);
/* "container app exited with 2 (Error)": why a pod is not well, in a few words; "" when it does not
 * say. Free with g_free. */
char *pod_trouble(const Object *pod);

/* "Service web (shop.example.com)": what sends requests to the pods of a controller; "" for none.
 * *ret_n: how many Services. Free with g_free. */
char *served_text(const CheckRun *run, const Object *maker, guint *ret_n);
