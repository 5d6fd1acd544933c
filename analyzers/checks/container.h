/* The containers of pods, with what their specification and their status say. Internal to
 * analyzers/checks. */
#pragma once
#include "analyzers/checks/check.h"

typedef struct {
    const Object *pod;
    const char *name;
    const Value *spec, *status; /* status may be NULL */
    bool is_init;               /* runs before the others; with restartPolicy Always beside them */
} Container;

typedef void (*ContainerFunc)(CheckRun *run, const Container *container);

/* Calls `func` for every container of every pod that is to run: not of what has finished, is being
 * deleted, or was pushed off its node. */
void containers_visit(CheckRun *run, ContainerFunc func);
/* Whether a container of initContainers runs beside the others (restartPolicy Always). */
bool container_is_sidecar(const Container *container);
/* Whether an event of the pod may be about this container: it names no other one. */
bool container_has_event(const Container *container, const Event *event);
/* What an event about a probe says behind "Readiness probe failed: "; "" for NULL. */
const char *probe_words(const Event *event);
/* Whether a pod is to run, as above. */
bool pod_is_wanted(const Object *pod);
/* Whether a container of a pod runs, init containers aside. */
bool pod_has_running(const Object *pod);
/* Whether the kubelet runs it from a file of its node (kubernetes.io/config.mirror). */
bool pod_is_static(const Object *pod);
/* The sum of the limits of its containers of a resource ("memory"), in units (quantity.h). */
double pod_limits(const Object *pod, const char *resource);
/* The limit of one container; 0 when it has none. */
double pod_limit(const Object *pod, const char *container, const char *resource);
/* A condition of an object by its type, or NULL. */
const Value *condition_of(const Object *object, const char *type);

/* Names of the Services that select a pod, separated by commas; NULL when there is none. */
char *pod_service_names(const CheckRun *run, const Object *pod);
