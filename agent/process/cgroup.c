#include "agent/process/cgroup.h"

#include <string.h>

enum {
    ID_DIGITS = 64,
    TASK_DIGITS = 32,     /* of ECS */
    UID_LENGTH = 36,      /* RFC 9562 */
    MANIFEST_DIGITS = 32, /* of a static pod: MD5 of its manifest */
};

/* A part of the text. */
typedef struct {
    const char *start, *end;
} Span;

typedef struct {
    Span container_id, pod_uid, systemd_unit; /* start NULL: none */
} Found;

static size_t
length_of(Span span)
{
    return (size_t)(span.end - span.start);
}

static bool
ends_with(Span span, const char *suffix)
{
    size_t length = strlen(suffix);
    return length_of(span) > length &&
           memcmp(span.start + length_of(span) - length, suffix, length) == 0;
}

static bool
begins_with(Span span, const char *prefix)
{
    size_t length = strlen(prefix);
    return length_of(span) > length && memcmp(span.start, prefix, length) == 0;
}

static Span
without_suffix(Span span, const char *suffix)
{
    if (ends_with(span, suffix))
        span.end -= strlen(suffix);
    return span;
}

static bool
is_hexadecimal(Span span)
{
    for (const char *c = span.start; c < span.end; c++)
        if (!g_ascii_isdigit(*c) && !(*c >= 'a' && *c <= 'f'))
            return false;
    return true;
}

/* "TASK-NUMBER", the whole of an element. */
static bool
is_ecs_id(Span element)
{
    if (length_of(element) < TASK_DIGITS + 2 || element.start[TASK_DIGITS] != '-' ||
        !is_hexadecimal((Span){element.start, element.start + TASK_DIGITS}))
        return false;
    for (const char *c = element.start + TASK_DIGITS + 1; c < element.end; c++)
        if (!g_ascii_isdigit(*c))
            return false;
    return true;
}

/* Whether it is of the monitor of a container (conmon), of CRI-O or Podman. */
static bool
is_monitor(Span element)
{
    return begins_with(element, "crio-conmon-") || begins_with(element, "libpod-conmon-");
}

/* The id that ends an element of a path, behind a dash, a colon or nothing. */
static Span
container_in_element(Span element)
{
    static const char lxc[] = "lxc.payload.";
    if (is_ecs_id(element))
        return element;
    if (begins_with(element, lxc))
        return (Span){element.start + strlen(lxc), element.end};
    element = without_suffix(element, ".scope");
    if (length_of(element) < ID_DIGITS || is_monitor(element))
        return (Span){0};
    Span id = {element.end - ID_DIGITS, element.end};
    if (id.start > element.start && id.start[-1] != '-' && id.start[-1] != ':')
        return (Span){0};
    return is_hexadecimal(id) ? id : (Span){0};
}

/* Whether it is a UID, with dashes or, as in names of slices, with underscores. */
static bool
is_pod_uid(Span span)
{
    if (length_of(span) == MANIFEST_DIGITS)
        return is_hexadecimal(span);
    if (length_of(span) != UID_LENGTH)
        return false;
    for (size_t i = 0; i < UID_LENGTH; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? span.start[i] != '-' && span.start[i] != '_'
                    : !is_hexadecimal((Span){span.start + i, span.start + i + 1}))
            return false;
    }
    return true;
}

/* The UID of "podUID", "kubepods-burstable-podUID.slice" and "…-podUID.slice:cri-containerd:ID". */
static Span
pod_in_element(Span element)
{
    const char *colon = memchr(element.start, ':', length_of(element));
    if (colon != NULL)
        element.end = colon;
    element = without_suffix(element, ".slice");
    static const size_t lengths[] = {UID_LENGTH, MANIFEST_DIGITS};
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        if (length_of(element) < lengths[i] + strlen("pod"))
            continue;
        Span uid = {element.end - lengths[i], element.end};
        const char *pod = uid.start - strlen("pod");
        if (memcmp(pod, "pod", strlen("pod")) == 0 && (pod == element.start || pod[-1] == '-') &&
            is_pod_uid(uid))
            return uid;
    }
    return (Span){0};
}

static void
read_element(Span element, Found *found)
{
    Span pod = pod_in_element(element), container = container_in_element(element);
    if (pod.start != NULL)
        *found = (Found){.pod_uid = pod};
    if (container.start != NULL) {
        found->container_id = container;
        found->systemd_unit = (Span){0};
    }
    /* The manager of a user's services is not what a program of that user is. */
    if (ends_with(element, ".service") && !begins_with(element, "user@"))
        found->systemd_unit = element;
}

/* Reads one line `number:controllers:path`. */
static Found
read_line(Span line)
{
    Found found = {0};
    const char *path = memchr(line.start, '/', length_of(line));
    while (path != NULL) {
        const char *start = path + 1;
        path = memchr(start, '/', (size_t)(line.end - start));
        read_element((Span){start, path != NULL ? path : line.end}, &found);
    }
    return found;
}

static char *
copy(Span span)
{
    return span.start != NULL ? g_strndup(span.start, length_of(span)) : NULL;
}

void
cgroup_read(const char *text, Cgroup *ret_cgroup)
{
    Found best = {0};
    for (Span line = {.start = text}; *line.start != '\0' && best.container_id.start == NULL;) {
        line.end = strchrnul(line.start, '\n');
        Found found = read_line(line);
        bool is_empty = best.pod_uid.start == NULL && best.systemd_unit.start == NULL;
        if (found.container_id.start != NULL || is_empty)
            best = found;
        line.start = *line.end == '\n' ? line.end + 1 : line.end;
    }
    *ret_cgroup = (Cgroup){
        .container_id = copy(best.container_id),
        .pod_uid = copy(best.pod_uid),
        .systemd_unit = copy(best.systemd_unit),
    };
    if (ret_cgroup->pod_uid != NULL)
        (void)g_strdelimit(ret_cgroup->pod_uid, "_", '-');
}

bool
cgroup_is_root(const char *text)
{
    for (const char *line = text; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        const char *path = memchr(line, '/', (size_t)(end - line));
        if (path == NULL || path + 1 != end)
            return false;
        line = *end == '\n' ? end + 1 : end;
    }
    return *text != '\0';
}

void
cgroup_copy(const Cgroup *cgroup, Cgroup *ret_copy)
{
    *ret_copy = (Cgroup){
        .container_id = g_strdup(cgroup->container_id),
        .pod_uid = g_strdup(cgroup->pod_uid),
        .systemd_unit = g_strdup(cgroup->systemd_unit),
    };
}

void
cgroup_clear(Cgroup *cgroup)
{
    g_free(cgroup->container_id);
    g_free(cgroup->pod_uid);
    g_free(cgroup->systemd_unit);
    *cgroup = (Cgroup){0};
}
