/* Containers that cannot be created or started, for other reasons than their image. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_starts(CheckRun *run);
static void run_mounts(CheckRun *run);

enum {
    ROW_CONFIG,
    ROW_CREATE,
    ROW_RUN,
    ROW_MOUNT,
    ROW_TOKEN,
    ROW_SANDBOX,
    ROW_ADDRESSES,
    ROW_ATTACH,
    ROW_ATTACH_MULTI,
    ROW_COUNT
};

#define START_ROW(name, on, level, hold, function, own, seen, told_by, step)                       \
    {                                                                                              \
        .id = name, .kind = on, .severity = level, .stage = STAGE_REFERENCE, .tier = 1,            \
        .hold_s = hold, .is_umbrella = true, .is_own_cause = own, .symptom = seen,                 \
        .meaning = told_by, .fix = step, .run = function, .needs = {                               \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_CONFIG] = START_ROW(
        "container-config-error", "Container", SEVERITY_HIGH, 120, run_starts, true,
        "A container cannot be created because what its environment refers to is not there, or it "
        "would run as a user that it must not.",
        "The container waits with the reason CreateContainerConfigError: a ConfigMap, a Secret or "
        "a key of one is missing, or its image runs as root and runAsNonRoot forbids that.",
        "Create the object or the key, or correct the reference."),
    [ROW_CREATE] =
        START_ROW("container-create-error", "Container", SEVERITY_HIGH, 120, run_starts, true,
                  "The runtime cannot create a container.",
                  "The container waits with the reason CreateContainerError or PreCreateHookError.",
                  "Read the message: a name in use, a path that cannot be mounted, a device that "
                  "is not there."),
    [ROW_RUN] = START_ROW(
        "container-run-error", "Container", SEVERITY_HIGH, 0, run_starts, true,
        "A container cannot be started.",
        "The container waits with RunContainerError or StartError, or ended with "
        "ContainerCannotRun.",
        "Correct the command: it is not in the image, not executable, or its folder is missing."),
    [ROW_MOUNT] = START_ROW(
        "pod-mount-failed", "Pod", SEVERITY_HIGH, 300, run_mounts, false,
        "A pod does not start because a volume cannot be mounted.",
        "The pod's containers are not created, and the kubelet reports FailedMount.",
        "Read the message: create what is missing, or look at the storage driver on that node."),
    [ROW_SANDBOX] = START_ROW(
        "pod-sandbox-failed", "Pod", SEVERITY_HIGH, 300, run_mounts, false,
        "A pod does not start because its network cannot be set up.",
        "The pod's containers are not created, and the kubelet reports FailedCreatePodSandBox.",
        "Look at the network plug-in's pod on that node."),
    [ROW_ATTACH] = START_ROW(
        "pod-attach-failed", "Pod", SEVERITY_HIGH, 300, run_mounts, false,
        "A pod does not start because its disk cannot be attached to the node.",
        "The pod's containers are not created, and the controller reports FailedAttachVolume.",
        "Look at the VolumeAttachment and at the storage driver; a disk for one node may still be "
        "on another."),
    [ROW_TOKEN] = START_ROW(
        "projected-token-failed", "Pod", SEVERITY_HIGH, 300, run_mounts, false,
        "A pod does not start because it gets no token of its ServiceAccount.",
        "The pod's containers are not created, and the text of FailedMount speaks of a token or of "
        "a service account.",
        "Check that the ServiceAccount exists and that the API server issues tokens."),
    [ROW_ADDRESSES] = START_ROW(
        "pod-ip-exhaustion", "Pod", SEVERITY_HIGH, 300, run_mounts, false,
        "A pod does not start because its node has no address left for it.",
        "The pod's containers are not created, and the text of FailedCreatePodSandBox says that no "
        "address could be had.",
        "Give the node a larger range of addresses, or run fewer pods on it."),
    [ROW_ATTACH_MULTI] = START_ROW(
        "pod-attach-multi", "Pod", SEVERITY_HIGH, 300, run_mounts, false,
        "A pod does not start because its disk is still attached to another node.",
        "The pod's containers are not created, and the text of FailedAttachVolume is a "
        "Multi-Attach error.",
        "End the other pod that uses the disk, or remove its node when that is surely off; let the "
        "controller use the strategy Recreate."),
};

const CheckTopic check_topic_start = {rows, G_N_ELEMENTS(rows)};

/* ---- Containers. ---- */

static const struct {
    const char *reason;
    int row;
} reasons[] = {
    {"CreateContainerConfigError", ROW_CONFIG},
    {"CreateContainerError", ROW_CREATE},
    {"PreCreateHookError", ROW_CREATE},
    {"RunContainerError", ROW_RUN},
    {"StartError", ROW_RUN},
    {"ContainerCannotRun", ROW_RUN},
};

static int
row_of(const char *reason)
{
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (strcmp(reasons[i].reason, reason) == 0)
            return reasons[i].row;
    }
    return -1;
}

/* What went wrong, without the names of the layers that it went through. */
static char *
start_words(const char *message)
{
    static const char *const layers[] = {"unable to start container process: ",
                                         "runc create failed: ", "OCI runtime create failed: "};
    const char *words = message;
    for (size_t i = 0; i < G_N_ELEMENTS(layers) && words == message; i++) {
        const char *layer = strstr(message, layers[i]);
        words = layer != NULL ? layer + strlen(layers[i]) : message;
    }
    /* The kubelet says again which pod it is about. */
    const char *end =
        g_str_has_suffix(words, ": unknown") ? strrchr(words, ':') : strstr(words, " (pod: \"");
    return end != NULL ? g_strndup(words, (gsize)(end - words)) : g_strdup(words);
}

static void
advise_start(Finding *finding, const Object *pod, const char *words)
{
    if (strstr(words, "runAsNonRoot") == NULL && strstr(words, "non-root") == NULL) {
        check_advise(finding, pod);
        return;
    }
    finding_fix(finding, "Set securityContext.runAsUser to the number of a user other than root, "
                         "or take an image with such a user.");
    finding_describe(finding, pod);
}

static void
write_start(Finding *finding, const Container *container, int row, const char *message)
{
    static const char *const verbs[ROW_COUNT] = {
        [ROW_CONFIG] = "be created", [ROW_CREATE] = "be created", [ROW_RUN] = "be started"};
    const Object *controller = finding->object;
    g_autofree char *words = start_words(message);
    finding_title(finding, "%s %s: container %s cannot %s: %s", kind_row(controller->kind)->kind,
                  controller->name, container->name, verbs[row], words);
    finding_cause(finding, "Container %s cannot %s, so the pod does not run: %s.", container->name,
                  verbs[row], words);
    if (strcmp(words, message) != 0)
        finding_evidence(finding, "%s", message);
    advise_start(finding, container->pod, words);
}

static void
look_at_container(CheckRun *run, const Container *container)
{
    const Value *state = value_at(container->status, "state.waiting");
    int row = row_of(value_text(state, "reason"));
    if (row < 0) {
        bool is_waiting = state != NULL; /* what once failed and runs now is well */
        state = value_at(container->status, "lastState.terminated");
        row = is_waiting ? row_of(value_text(state, "reason")) : -1;
    }
    int64_t since_s =
        value_time(condition_of(container->pod, "PodScheduled"), "lastTransitionTime");
    bool is_new;
    if (row < 0 || !check_held(run, &rows[row], since_s != 0 ? since_s : container->pod->created_s))
        return;
    Finding *finding =
        check_report_pod(run, &rows[row], container->pod, container->name, since_s, &is_new);
    if (is_new)
        write_start(finding, container, row, value_text(state, "message"));
}

static void
run_starts(CheckRun *run)
{
    containers_visit(run, look_at_container);
}

/* ---- Pods. ---- */

/* Events of a pod whose containers are not created yet: by the reason, and by words of the text in
 * lower case (NULL: any). The more certain come first. */
static const struct {
    const char *reasons, *words;
    int row;
    const char *title;
} events[] = {
    {"FailedAttachVolume", "multi-attach", ROW_ATTACH_MULTI,
     "its disk is still attached to another node"},
    {"FailedAttachVolume", NULL, ROW_ATTACH, "a disk cannot be attached"},
    {"FailedMount", "failed to fetch token", ROW_TOKEN, "it gets no token"},
    {"FailedMount", "serviceaccounts \"", ROW_TOKEN, "it gets no token"},
    {"FailedMount|FailedMapVolume", NULL, ROW_MOUNT, "a volume cannot be mounted"},
    {"FailedCreatePodSandBox", "no ip addresses available", ROW_ADDRESSES,
     "its node has no address left"},
    {"FailedCreatePodSandBox", "no available ip", ROW_ADDRESSES, "its node has no address left"},
    {"FailedCreatePodSandBox", "failed to assign an ip", ROW_ADDRESSES,
     "its node has no address left"},
    {"FailedCreatePodSandBox", "failed to allocate for range", ROW_ADDRESSES,
     "its node has no address left"},
    {"FailedCreatePodSandBox", "ip pool exhausted", ROW_ADDRESSES, "its node has no address left"},
    {"FailedCreatePodSandBox", "range is full", ROW_ADDRESSES, "its node has no address left"},
    {"FailedCreatePodSandBox|NetworkNotReady", NULL, ROW_SANDBOX, "its network cannot be set up"},
};

static bool
has_words(const Event *event, const char *words)
{
    g_autofree char *text = g_ascii_strdown(event->message, -1);
    return words == NULL || strstr(text, words) != NULL;
}

static bool
is_being_created(const Object *pod)
{
    if (!value_is(pod->value, "status.phase", "Pending") ||
        value_text(pod->value, "spec.nodeName")[0] == '\0')
        return false;
    const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(pod->value, lists[i]); c != NULL; c = c->next) {
            const char *reason = value_text(c, "state.waiting.reason");
            if (strcmp(reason, "ContainerCreating") == 0 || strcmp(reason, "PodInitializing") == 0)
                return true;
        }
    }
    return value_count(pod->value, "status.containerStatuses") == 0;
}

/* Whether the message names the plug-in that a pod is of: "plugin type="cilium-cni" name="cilium"",
 * which is what its label is, too. */
static bool
is_named(const char *message, const Object *pod)
{
    static const char *const keys[] = {"k8s-app", "app.kubernetes.io/name", "app"};
    const Value *labels = value_at(pod->value, "metadata.labels");
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *name = value_text(value_get(labels, keys[i]), "");
        g_autofree char *quoted = g_strdup_printf("name=\"%s\"", name);
        if (name[0] != '\0' && strstr(message, quoted) != NULL)
            return true;
    }
    return false;
}

/* Whether a pod puts the programs or the configuration of the network plug-in on its node. */
static bool
is_network_plugin(const Object *pod)
{
    for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
        const char *path = value_text(v, "hostPath.path");
        if (g_str_has_prefix(path, "/etc/cni") || g_str_has_prefix(path, "/opt/cni"))
            return true;
    }
    return false;
}

/* Without the network plug-in of a node its sandboxes cannot be made. */
static void
blame_network_plugin(const CheckRun *run, Finding *finding, const Object *pod, const char *message)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    const char *node = value_text(pod->value, "spec.nodeName");
    for (guint i = 0; i < pods->len; i++) {
        const Object *other = pods->pdata[i];
        int64_t since_s;
        if (value_is(other->value, "spec.nodeName", node) &&
            (is_network_plugin(other) || is_named(message, other)) &&
            pod_is_unready(other, &since_s)) {
            finding_blame(finding, other);
            finding_evidence(finding, "Pod %s/%s of the network plug-in on node %s is not ready",
                             other->ns, other->name, node);
        }
    }
}

/* Which volume it is, and why: from "MountVolume.SetUp failed for volume "data" : …". NULL when the
 * message says neither. */
static char *
mount_words(const char *message)
{
    static const char start[] = "for volume \"";
    const char *name = strstr(message, start), *end = NULL;
    if (name != NULL)
        end = strchr(name += strlen(start), '"');
    const char *why = end != NULL ? strstr(end, ": ") : NULL;
    return why != NULL ? g_strdup_printf("volume %.*s cannot be mounted: %s", (int)(end - name),
                                         name, why + strlen(": "))
                       : NULL;
}

static void
look_at_pod(CheckRun *run, const Object *pod)
{
    enum { RECENT_S = 60 * 60 };
    int64_t since_s = value_time(condition_of(pod, "PodScheduled"), "lastTransitionTime");
    since_s = since_s != 0 ? since_s : pod->created_s;
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        const CheckRow *row = &rows[events[i].row];
        const Event *event =
            snapshot_event(run->snapshot, pod, events[i].reasons, run->now_s - RECENT_S);
        bool is_new;
        if (event == NULL || !has_words(event, events[i].words) || !check_held(run, row, since_s))
            continue;
        Finding *finding = check_report_pod(run, row, pod, "", since_s, &is_new);
        if (is_new) {
            const Object *controller = finding->object;
            g_autofree char *mount = row == &rows[ROW_MOUNT] ? mount_words(event->message) : NULL;
            finding_title(finding, "%s %s does not start: %s", kind_row(controller->kind)->kind,
                          controller->name, mount != NULL ? mount : events[i].title);
            finding_cause(finding, "The containers cannot be created because %s: %s",
                          events[i].title, event->message);
            if (events[i].row == ROW_SANDBOX)
                blame_network_plugin(run, finding, pod, event->message);
            check_advise(finding, pod);
        }
        return;
    }
}

static void
run_mounts(CheckRun *run)
{
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        if (pod_is_wanted(pods->pdata[i]) && is_being_created(pods->pdata[i]))
            look_at_pod(run, pods->pdata[i]);
    }
}
