/* Images that cannot be pulled or used. */
#include <string.h>

#include "analyzers/checks/container.h"
#include "analyzers/checks/table.h"

static void run_images(CheckRun *run);

enum {
    ROW_NOT_FOUND,
    ROW_AUTH_DENIED,
    ROW_RATE_LIMITED,
    ROW_TLS,
    ROW_ARCH,
    ROW_UNREACHABLE,
    ROW_NAME_INVALID,
    ROW_NEVER_PULL,
    ROW_INSPECT,
    ROW_SIGNATURE,
    ROW_COUNT
};

#define IMAGE_ROW(name, level, hold, seen, told_by, step)                                          \
    {                                                                                              \
        .id = name, .kind = "Container", .severity = level, .stage = STAGE_REFERENCE, .tier = 1,   \
        .hold_s = hold, .is_own_cause = true, .symptom = seen, .meaning = told_by, .fix = step,    \
        .run = run_images, .needs = {                                                              \
            KIND_POD                                                                               \
        }                                                                                          \
    }

static const CheckRow rows[ROW_COUNT] = {
    [ROW_NOT_FOUND] = IMAGE_ROW("image-not-found", SEVERITY_HIGH, 120,
                                "A container cannot start because its image does not exist.",
                                "The container waits for its image, and the registry says that it "
                                "has no such repository or tag.",
                                "Correct the tag or push the image."),
    [ROW_AUTH_DENIED] = IMAGE_ROW("image-auth-denied", SEVERITY_HIGH, 120,
                                  "A container cannot start because the registry refuses the pull.",
                                  "The container waits for its image, and the registry answers "
                                  "401, 403 or that access is denied.",
                                  "Give the pod a pull secret for the registry: imagePullSecrets "
                                  "of the pod or of its ServiceAccount."),
    [ROW_RATE_LIMITED] = IMAGE_ROW("image-rate-limited", SEVERITY_HIGH, 300,
                                   "A container cannot start because the registry limits pulls.",
                                   "The container waits for its image, and the registry answers "
                                   "429 or that there are too many requests.",
                                   "Log in to the registry, or pull through a mirror."),
    [ROW_TLS] = IMAGE_ROW(
        "image-registry-tls", SEVERITY_HIGH, 120,
        "A container cannot start because its node does not trust the registry.",
        "The container waits for its image, and the pull fails at the registry's certificate.",
        "Install the registry's certificate authority on the nodes."),
    [ROW_ARCH] =
        IMAGE_ROW("image-arch-mismatch", SEVERITY_HIGH, 0,
                  "A container cannot start because its image is for other machines.",
                  "The pull finds no image for the node's platform.",
                  "Build the image for this architecture too, or choose nodes by a nodeSelector."),
    [ROW_UNREACHABLE] =
        IMAGE_ROW("image-registry-unreachable", SEVERITY_HIGH, 300,
                  "A container cannot start because its registry cannot be reached.",
                  "The container waits for its image, and the pull fails by time, name, connection "
                  "or with a server error, or nothing tells any more why it failed.",
                  "Check name resolution, proxy and firewall between the nodes and the registry."),
    [ROW_NAME_INVALID] =
        IMAGE_ROW("image-name-invalid", SEVERITY_HIGH, 0,
                  "A container cannot start because the name of its image is malformed.",
                  "The container waits with the reason InvalidImageName.",
                  "Correct the image's name: no spaces, no upper case, no template left open."),
    [ROW_NEVER_PULL] = IMAGE_ROW(
        "image-never-pull", SEVERITY_HIGH, 0,
        "A container cannot start because its image is not on the node and must not be pulled.",
        "The container waits with the reason ErrImageNeverPull.",
        "Set imagePullPolicy to IfNotPresent, or load the image onto the node."),
    [ROW_INSPECT] = IMAGE_ROW(
        "image-inspect-error", SEVERITY_MEDIUM, 300,
        "A container cannot start because the node cannot read its own store of images.",
        "The container waits with the reason ImageInspectError.",
        "Look at the node's disk and container runtime; prune images or restart the runtime."),
    [ROW_SIGNATURE] =
        IMAGE_ROW("image-signature-failed", SEVERITY_HIGH, 0,
                  "A container cannot start because its image is not signed as the node wants.",
                  "The container waits with the reason SignatureValidationFailed.",
                  "Sign the image, or correct the runtime's signature policy."),
};

const CheckTopic check_topic_image = {rows, G_N_ELEMENTS(rows)};

/* Reasons that say it all. */
static const struct {
    const char *reason;
    int row;
} by_reason[] = {
    {"InvalidImageName", ROW_NAME_INVALID},   {"ErrImageNeverPull", ROW_NEVER_PULL},
    {"ImageInspectError", ROW_INSPECT},       {"SignatureValidationFailed", ROW_SIGNATURE},
    {"RegistryUnavailable", ROW_UNREACHABLE},
};

/* What pulls fail by: parts of the words of containerd, CRI-O and registries, in lower case. The
 * first that is there decides, so the more certain come first. */
static const struct {
    const char *part;
    int row;
} by_words[] = {
    {"toomanyrequests", ROW_RATE_LIMITED},
    {"too many requests", ROW_RATE_LIMITED},
    {"429", ROW_RATE_LIMITED},
    {"x509", ROW_TLS},
    {"certificate", ROW_TLS},
    {"no match for platform", ROW_ARCH},
    {"no matching manifest", ROW_ARCH},
    {"does not match the specified platform", ROW_ARCH},
    {"unauthorized", ROW_AUTH_DENIED},
    {"failed to authorize", ROW_AUTH_DENIED},
    {"authentication required", ROW_AUTH_DENIED},
    {"authorization failed", ROW_AUTH_DENIED},
    {"access denied", ROW_AUTH_DENIED},
    {"requested access to the resource is denied", ROW_AUTH_DENIED},
    {"pull access denied", ROW_AUTH_DENIED},
    {"no basic auth credentials", ROW_AUTH_DENIED},
    {"401", ROW_AUTH_DENIED},
    {"403", ROW_AUTH_DENIED},
    {"forbidden", ROW_AUTH_DENIED},
    {"denied", ROW_AUTH_DENIED},
    {"manifest unknown", ROW_NOT_FOUND},
    {"name unknown", ROW_NOT_FOUND},
    {"repository does not exist", ROW_NOT_FOUND},
    {"no such host", ROW_UNREACHABLE},
    {"not found", ROW_NOT_FOUND},
    {"404", ROW_NOT_FOUND},
    {"timeout", ROW_UNREACHABLE},
    {"deadline exceeded", ROW_UNREACHABLE},
    {"connection refused", ROW_UNREACHABLE},
    {"connection reset", ROW_UNREACHABLE},
    {"no route to host", ROW_UNREACHABLE},
    {"network is unreachable", ROW_UNREACHABLE},
    {"eof", ROW_UNREACHABLE},
    {"500 internal", ROW_UNREACHABLE},
    {"502", ROW_UNREACHABLE},
    {"503", ROW_UNREACHABLE},
    {"504", ROW_UNREACHABLE},
};

/* The name of an image in a message may hold any of the words: it is left out. */
static char *
without_image(const char *message, const char *image)
{
    if (image[0] == '\0')
        return g_ascii_strdown(message, -1);
    g_auto(GStrv) parts = g_strsplit(message, image, -1);
    g_autofree char *rest = g_strjoinv(" ", parts);
    return g_ascii_strdown(rest, -1);
}

/* Whether a text has a part; a short one ("404") only as a word: port 44042 is no status. */
static bool
has_part(const char *text, const char *part)
{
    enum { SHORT_BYTES = 4 };
    size_t size = strlen(part);
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        bool is_word = (at == text || !g_ascii_isalnum(at[-1])) && !g_ascii_isalnum(at[size]);
        if (size > SHORT_BYTES || is_word)
            return true;
    }
    return false;
}

static int
classify(const char *message, const char *image)
{
    g_autofree char *words = without_image(message, image);
    for (size_t i = 0; i < G_N_ELEMENTS(by_words); i++) {
        if (has_part(words, by_words[i].part))
            return by_words[i].row;
    }
    return -1;
}

/* The newest event that says why the pull fails. */
static const char *
pull_message(const CheckRun *run, const Container *container)
{
    const char *waiting = value_text(container->status, "state.waiting.message");
    const char *image = value_text(container->spec, "image");
    if (classify(waiting, image) >= 0)
        return waiting;
    const GPtrArray *events = snapshot_events(run->snapshot, container->pod);
    for (guint i = 0; i < events->len; i++) {
        const Event *event = events->pdata[i];
        if (strcmp(event->reason, "Failed") == 0 && strstr(event->message, image) != NULL)
            return event->message;
    }
    return waiting;
}

static int
find_row(const CheckRun *run, const Container *container, const char **ret_message)
{
    const char *reason = value_text(container->status, "state.waiting.reason");
    *ret_message = value_text(container->status, "state.waiting.message");
    for (size_t i = 0; i < G_N_ELEMENTS(by_reason); i++) {
        if (strcmp(reason, by_reason[i].reason) == 0)
            return by_reason[i].row;
    }
    if (strcmp(reason, "ErrImagePull") != 0 && strcmp(reason, "ImagePullBackOff") != 0)
        return -1;
    *ret_message = pull_message(run, container);
    int row = classify(*ret_message, value_text(container->spec, "image"));
    return row >= 0 ? row : ROW_UNREACHABLE;
}

/* The image of the same container in another ReplicaSet of the Deployment, which has ready pods. */
static const char *
working_image(const CheckRun *run, const Object *controller, const char *name, const char *image)
{
    const GPtrArray *owned = relations_owned(run->relations, controller);
    for (guint i = 0; i < owned->len; i++) {
        const Object *set = owned->pdata[i];
        const Value *spec = value_find(pod_template(set), "spec.containers", "name", name);
        const char *other = value_text(spec, "image");
        if (value_int(set->value, "status.readyReplicas", 0) > 0 && other[0] != '\0' &&
            strcmp(other, image) != 0)
            return other;
    }
    return NULL;
}

/* A kubelet that waits before it tries again may not repeat why the last try failed. */
static bool
is_unexplained(const Container *container, int row, const char *message)
{
    return row == ROW_UNREACHABLE &&
           !value_is(container->status, "state.waiting.reason", "RegistryUnavailable") &&
           classify(message, value_text(container->spec, "image")) < 0;
}

static const char *
what_is_wrong(int row)
{
    static const char *const texts[ROW_COUNT] = {
        [ROW_NOT_FOUND] = "the registry does not have it",
        [ROW_AUTH_DENIED] = "the registry refuses the pull",
        [ROW_RATE_LIMITED] = "the registry limits pulls",
        [ROW_TLS] = "the node does not trust the registry's certificate",
        [ROW_ARCH] = "it has no build for this machine",
        [ROW_UNREACHABLE] = "the registry cannot be reached",
        [ROW_NAME_INVALID] = "its name is malformed",
        [ROW_NEVER_PULL] = "it is not on the node and must not be pulled",
        [ROW_INSPECT] = "the node cannot read it",
        [ROW_SIGNATURE] = "its signature is not accepted",
    };
    return texts[row];
}

/* The last part of a chain of errors: "401 Unauthorized". */
static const char *
last_words(const char *message)
{
    const char *last = g_strrstr(message, ": ");
    return last != NULL ? last + strlen(": ") : message;
}

/* What is known of the pull secrets of a pod. */
static char *
pull_secrets_text(const CheckRun *run, const Object *pod)
{
    const Value *ref = value_first(pod->value, "spec.imagePullSecrets");
    if (ref == NULL)
        return g_strdup("the pod has no pull secret (imagePullSecrets) for it");
    for (; ref != NULL; ref = ref->next) {
        const char *name = value_text(ref, "name");
        if (snapshot_presence(run->snapshot, KIND_SECRET, pod->ns, name) == PRESENCE_MISSING)
            return g_strdup_printf("the pull secret %s that the pod names does not exist", name);
    }
    return g_strdup("the pull secrets that the pod names do not open it");
}

static void
write_denied(const CheckRun *run, Finding *finding, const Container *container, const char *message)
{
    g_autofree char *secrets = pull_secrets_text(run, container->pod);
    finding_cause(
        finding, "Container %s waits for image %s, but the registry refuses the pull (%s): %s.",
        container->name, value_text(container->spec, "image"), last_words(message), secrets);
    if (strstr(message, "does not exist or may require") != NULL)
        finding_evidence(finding, "This registry says the same of a repository that does not "
                                  "exist: check the image's name too");
}

static void
write_text(CheckRun *run, Finding *finding, const Container *container, int row,
           const char *message)
{
    const char *image = value_text(container->spec, "image");
    const Object *controller = finding->object;
    const char *wrong = is_unexplained(container, row, message)
                            ? "why the pull fails is not told any more"
                            : what_is_wrong(row);
    const char *former = working_image(run, controller, container->name, image);
    finding_title(finding, "%s %s cannot pull image %s: %s", kind_row(controller->kind)->kind,
                  controller->name, image, wrong);
    if (former != NULL)
        finding_cause(finding,
                      "Container %s waits for image %s, and %s; the pods of the version before, "
                      "with %s, still serve.",
                      container->name, image, wrong, former);
    else
        finding_cause(finding, "Container %s waits for image %s, and %s; it cannot start.",
                      container->name, image, wrong);
    if (message[0] != '\0')
        finding_evidence(finding, "%s", message);
    if (row == ROW_AUTH_DENIED)
        write_denied(run, finding, container, message);
    check_advise(finding, container->pod);
}

static void
look_at(CheckRun *run, const Container *container)
{
    const char *message;
    bool is_new;
    int row = find_row(run, container, &message);
    const Value *scheduled = condition_of(container->pod, "PodScheduled");
    int64_t since_s = value_time(scheduled, "lastTransitionTime");
    if (row < 0)
        return;
    if (since_s == 0)
        since_s = container->pod->created_s;
    if (!check_held(run, &rows[row], since_s))
        return;
    Finding *finding =
        check_report_pod(run, &rows[row], container->pod, container->name, since_s, &is_new);
    if (is_new)
        write_text(run, finding, container, row, message);
}

static void
run_images(CheckRun *run)
{
    containers_visit(run, look_at);
}
