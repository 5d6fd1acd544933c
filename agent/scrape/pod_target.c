#include "agent/scrape/pod_target.h"

#include <string.h>

#include "agent/discovery/target.h"

bool
pod_target_is_running(const Pod *pod)
{
    static const char *const over[] = {"Pending", "Succeeded", "Failed", "Completed", NULL};
    bool has_phase = pod->phase != NULL;
    return pod->ip != NULL && !(has_phase && g_strv_contains(over, pod->phase));
}

static void
set_if_any(LabelSet *set, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    label_set_set(set, name, valid);
}

/* "10.0.0.7:6060", "[fd00::7]:6060"; without a port for 0. */
static char *
address_of(const Pod *pod, uint32_t port)
{
    bool is_ipv6 = strchr(pod->ip, ':') != NULL;
    g_autofree char *host = is_ipv6 ? g_strdup_printf("[%s]", pod->ip) : g_strdup(pod->ip);
    return port != 0 ? g_strdup_printf("%s:%u", host, port) : g_steal_pointer(&host);
}

/* The labels of a target. `container` may be NULL; `port` may be NULL, `number` counts then. */
static LabelSet *
labels_of(const Pod *pod, const PodContainer *container, const PodPort *port, uint32_t number)
{
    LabelSet *set = label_set_new();
    g_autofree char *address = address_of(pod, port != NULL ? port->number : number);
    target_add_pod_labels(pod, container, set);
    target_add_pod_meta_labels(pod, container, set);
    set_if_any(set, "service_name", target_pod_service_name(pod));
    set_if_any(set, "__address__", address);
    if (port == NULL)
        return set;
    g_autofree char *text = g_strdup_printf("%u", port->number);
    set_if_any(set, "__meta_kubernetes_pod_container_port_name", port->name);
    set_if_any(set, "__meta_kubernetes_pod_container_port_number", text);
    set_if_any(set, "__meta_kubernetes_pod_container_port_protocol", port->protocol);
    return set;
}

/* --- start ------------------------------------------------------------------------------------ */

static bool
declares(const PodContainer *container, const char *port)
{
    for (guint i = 0; i < container->ports->len; i++) {
        const PodPort *declared = &g_array_index(container->ports, PodPort, i);
        g_autofree char *number = g_strdup_printf("%u", declared->number);
        if (strcmp(declared->protocol, "TCP") == 0 && strcmp(number, port) == 0)
            return true;
    }
    return false;
}

int64_t
pod_target_start_ns(const Pod *pod, const char *address)
{
    g_autofree char *host = address_of(pod, 0);
    size_t length = strlen(host);
    guint n_running = 0;
    int64_t start_ns = 0;
    if (!g_str_has_prefix(address, host) || address[length] != ':')
        return 0;
    for (guint i = 0; i < pod->containers->len; i++) {
        const PodContainer *container = &g_array_index(pod->containers, PodContainer, i);
        if (declares(container, address + length + 1))
            return container->start_ns;
        if (container->start_ns != 0 && n_running++ == 0)
            start_ns = container->start_ns;
    }
    return n_running == 1 ? start_ns : 0;
}

/* --- by port ---------------------------------------------------------------------------------- */

void
pod_targets_by_port(const Pod *pod, PodTargetFunc found, void *data)
{
    guint n = 0;
    if (!pod_target_is_running(pod))
        return;
    for (guint i = 0; i < pod->containers->len; i++) {
        const PodContainer *container = &g_array_index(pod->containers, PodContainer, i);
        if (container->ports->len == 0 && n++ < POD_TARGETS_MAX)
            found(labels_of(pod, container, NULL, 0), NULL, data);
        for (guint j = 0; j < container->ports->len && n++ < POD_TARGETS_MAX; j++)
            found(labels_of(pod, container, &g_array_index(container->ports, PodPort, j), 0), NULL,
                  data);
    }
}

/* --- by annotation ---------------------------------------------------------------------------- */

/* What the annotations of one type say; borrowed, "" where there is none. */
typedef struct {
    const Pod *pod;
    const ProfileType *type;
    const char *port, *port_name, *scheme, *path, *container;
    PodTargetFunc found;
    PodTargetSkipped skipped;
    void *data;
    guint n_found;
} Wish;

static const char *
annotation_of(const Pod *pod, const ProfileType *type, const char *field)
{
    g_autofree char *name = g_strconcat(POD_TARGET_ANNOTATION, type->annotation, ".", field, NULL);
    return label_set_get(pod->annotations, name);
}

static void
add_target(Wish *wish, const PodContainer *container, const PodPort *port, uint32_t number)
{
    if (wish->n_found++ >= POD_TARGETS_MAX)
        return;
    LabelSet *set = labels_of(wish->pod, container, port, number);
    set_if_any(set, "__scheme__", wish->scheme);
    set_if_any(set, "__profile_path__", wish->path);
    wish->found(set, wish->type, wish->data);
}

static void G_GNUC_PRINTF(2, 3) skip(const Wish *wish, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *text =
        g_strdup_printf("pod %s/%s, " POD_TARGET_ANNOTATION "%s.scrape: %s", wish->pod->namespace,
                        wish->pod->name, wish->type->annotation, why);
    wish->skipped(text, wish->data);
}

static bool
is_usual_name(const char *name)
{
    return strcmp(name, "http2") == 0 || g_str_has_suffix(name, "-metrics") ||
           g_str_has_suffix(name, "-profiles");
}

static bool
is_wanted(const Wish *wish, guint64 number, const PodPort *port)
{
    if (port->number == 0 || strcmp(port->protocol, "TCP") != 0)
        return false;
    if (*wish->port != '\0')
        return port->number == number;
    return *wish->port_name != '\0' ? strcmp(port->name, wish->port_name) == 0
                                    : is_usual_name(port->name);
}

static const PodContainer *
find_container(const Pod *pod, const char *name)
{
    for (guint i = 0; i < pod->containers->len; i++) {
        const PodContainer *container = &g_array_index(pod->containers, PodContainer, i);
        if (strcmp(container->name, name) == 0)
            return container;
    }
    return NULL;
}

static void
add_declared(Wish *wish, guint64 number)
{
    for (guint i = 0; i < wish->pod->containers->len; i++) {
        const PodContainer *container = &g_array_index(wish->pod->containers, PodContainer, i);
        if (*wish->container != '\0' && strcmp(container->name, wish->container) != 0)
            continue;
        for (guint j = 0; j < container->ports->len; j++) {
            const PodPort *port = &g_array_index(container->ports, PodPort, j);
            if (is_wanted(wish, number, port))
                add_target(wish, container, port, 0);
        }
    }
}

/* A port that no container declares may be listened on all the same. */
static const PodContainer *
container_of_undeclared(const Wish *wish)
{
    if (*wish->container != '\0')
        return find_container(wish->pod, wish->container);
    const GArray *containers = wish->pod->containers;
    return containers->len == 1 ? &g_array_index(containers, PodContainer, 0) : NULL;
}

static void
grant(Wish *wish)
{
    guint64 number = 0;
    if (*wish->container != '\0' && find_container(wish->pod, wish->container) == NULL) {
        skip(wish, "there is no container %s", wish->container);
        return;
    }
    if (*wish->port != '\0' &&
        !g_ascii_string_to_unsigned(wish->port, 10, 1, G_MAXUINT16, &number, NULL)) {
        skip(wish, "'%s' is no port", wish->port);
        return;
    }
    add_declared(wish, number);
    if (wish->n_found > POD_TARGETS_MAX)
        skip(wish, "more than %d ports", POD_TARGETS_MAX);
    if (wish->n_found > 0)
        return;
    if (number != 0)
        add_target(wish, container_of_undeclared(wish), NULL, (uint32_t)number);
    else if (*wish->port_name != '\0')
        skip(wish, "no port is called %s", wish->port_name);
    else
        skip(wish, "no port is called http2 or ends in -metrics or -profiles, and there is neither "
                   "a .port nor a .port_name");
}

void
pod_targets_by_annotation(const Pod *pod, PodTargetFunc found, PodTargetSkipped skipped, void *data)
{
    if (!pod_target_is_running(pod))
        return;
    for (size_t i = 0; i < profile_types_count; i++) {
        const ProfileType *type = &profile_types[i];
        if (strcmp(annotation_of(pod, type, "scrape"), "true") != 0)
            continue;
        Wish wish = {
            .pod = pod,
            .type = type,
            .port = annotation_of(pod, type, "port"),
            .port_name = annotation_of(pod, type, "port_name"),
            .scheme = annotation_of(pod, type, "scheme"),
            .path = annotation_of(pod, type, "path"),
            .container = annotation_of(pod, type, "container"),
            .found = found,
            .skipped = skipped,
            .data = data,
        };
        grant(&wish);
    }
}
