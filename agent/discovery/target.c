#include "agent/discovery/target.h"

#include <string.h>

#define OTEL_ANNOTATION     "resource.opentelemetry.io/service."
#define PROFILES_ANNOTATION "profiles.grafana.com/"

bool
target_is_wanted(const Target *target, TargetScheme scheme)
{
    const char *text = "";
    if (target->pod != NULL)
        text = label_set_get(target->pod->annotations, TARGET_ANNOTATION);
    return scheme == TARGET_SCHEME_ANNOTATION ? strcmp(text, "true") == 0
                                              : strcmp(text, "false") != 0;
}

/* The first that is neither NULL nor empty, or "". */
static const char *
first_of(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (texts[i] != NULL && *texts[i] != '\0')
            return texts[i];
    return "";
}

const char *
target_pod_service_name(const Pod *pod)
{
    const char *const texts[] = {
        label_set_get(pod->annotations, PROFILES_ANNOTATION "service_name"),
        label_set_get(pod->annotations, "pyroscope.io/service_name"),
        label_set_get(pod->annotations, OTEL_ANNOTATION "name"),
        label_set_get(pod->labels, "app.kubernetes.io/instance"),
        label_set_get(pod->labels, "app.kubernetes.io/name"),
        pod->workload,
        pod->name,
    };
    return first_of(texts, G_N_ELEMENTS(texts));
}

/* Of the container; NULL where it has none. */
static const char *
container_service_name(const LocalContainer *container)
{
    if (container == NULL)
        return NULL;
    return container->service != NULL ? container->service : container->name;
}

static char *
local_service_name(const Target *target)
{
    const char *of_container = container_service_name(target->local);
    if (target->is_kernel_thread)
        return g_strdup("kernel");
    if (of_container != NULL)
        return g_strdup(of_container);
    if (target->cgroup->systemd_unit != NULL)
        return g_strdup(target->cgroup->systemd_unit);
    if (target->executable_path == NULL || target->executable_path[0] != '/')
        return g_strdup(target->comm[0] != '\0' ? target->comm : "unknown");
    g_autofree char *name = g_path_get_basename(target->executable_path);
    static const char deleted[] = " (deleted)";
    if (g_str_has_suffix(name, deleted))
        name[strlen(name) - strlen(deleted)] = '\0';
    return g_steal_pointer(&name);
}

char *
target_service_name(const Target *target)
{
    return target->pod != NULL ? g_strdup(target_pod_service_name(target->pod))
                               : local_service_name(target);
}

/* Names of processes and files may hold any bytes. */
static void
set_valid(LabelSet *set, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    label_set_set(set, name, valid);
}

static void
set_number(LabelSet *set, const char *name, uint32_t number)
{
    char text[16];
    g_snprintf(text, sizeof text, "%u", number);
    label_set_set(set, name, text);
}

void
target_add_pod_labels(const Pod *pod, const PodContainer *container, LabelSet *set)
{
    static const char *const sources[] = {"service_repository", "service_git_ref",
                                          "service_root_path"};
    const char *name = container != NULL ? container->name : NULL;
    g_autofree char *own_id = g_strjoin(".", pod->namespace, pod->name, name, NULL);
    const char *namespace = label_set_get(pod->annotations, OTEL_ANNOTATION "namespace");
    const char *id = label_set_get(pod->annotations, OTEL_ANNOTATION "instance.id");
    set_valid(set, "namespace", pod->namespace);
    set_valid(set, "pod", pod->name);
    set_valid(set, "container", name);
    set_valid(set, "service_namespace", *namespace != '\0' ? namespace : pod->namespace);
    set_valid(set, "service_instance_id", *id != '\0' ? id : own_id);
    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
        g_autofree char *annotation = g_strconcat(PROFILES_ANNOTATION, sources[i], NULL);
        set_valid(set, sources[i], label_set_get(pod->annotations, annotation));
    }
}

void
target_add_labels(const Target *target, LabelSet *set)
{
    g_autofree char *service = target_service_name(target);
    set_valid(set, "service_name", service);
    set_number(set, "pid", target->pid);
    set_valid(set, "comm", target->comm);
    set_valid(set, "container_id", target->cgroup->container_id);
    if (target->pod != NULL)
        target_add_pod_labels(target->pod, target->container, set);
}

/* --- what relabel rules may read -------------------------------------------------------------- */

/* Prometheus' names of labels and annotations: what no name of a label may have is '_'. The caller
 * frees. */
static char *
label_name_of(const char *prefix, const char *name)
{
    char *label = g_strconcat(prefix, name, NULL);
    for (char *c = label + strlen(prefix); *c != '\0'; c++)
        if (!g_ascii_isalnum(*c))
            *c = '_';
    return label;
}

static void
add_set(LabelSet *set, const char *kind, const LabelSet *from)
{
    for (size_t i = 0; i < label_set_size(from); i++) {
        const char *name, *value;
        label_set_at(from, i, &name, &value);
        g_autofree char *prefix = g_strdup_printf("__meta_kubernetes_pod_%s_", kind);
        g_autofree char *label = label_name_of(prefix, name);
        g_autofree char *present =
            g_strdup_printf("__meta_kubernetes_pod_%spresent_%s", kind, label + strlen(prefix));
        set_valid(set, label, value);
        label_set_set(set, present, "true");
    }
}

static void
add_container(const PodContainer *container, LabelSet *set)
{
    set_valid(set, "__meta_kubernetes_pod_container_name", container->name);
    set_valid(set, "__meta_kubernetes_pod_container_id", container->runtime_id);
    set_valid(set, "__meta_kubernetes_pod_container_image", container->image);
    label_set_set(set, "__meta_kubernetes_pod_container_init",
                  container->is_init ? "true" : "false");
}

void
target_add_pod_meta_labels(const Pod *pod, const PodContainer *container, LabelSet *set)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        {"__meta_kubernetes_namespace", pod->namespace},
        {"__meta_kubernetes_pod_name", pod->name},
        {"__meta_kubernetes_pod_uid", pod->uid},
        {"__meta_kubernetes_pod_ip", pod->ip},
        {"__meta_kubernetes_pod_host_ip", pod->host_ip},
        {"__meta_kubernetes_pod_phase", pod->phase},
        {"__meta_kubernetes_pod_node_name", pod->node},
        {"__meta_kubernetes_pod_controller_kind", pod->controller_kind},
        {"__meta_kubernetes_pod_controller_name", pod->controller_name},
    };
    if (container != NULL)
        add_container(container, set);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        set_valid(set, texts[i].name, texts[i].value);
    add_set(set, "label", pod->labels);
    add_set(set, "annotation", pod->annotations);
}

/* With the slash that names have in Docker's answers, and so in Prometheus. */
static void
add_local_container(const LocalContainer *container, LabelSet *set)
{
    g_autofree char *name =
        container->name != NULL ? g_strconcat("/", container->name, NULL) : NULL;
    set_valid(set, "__meta_docker_container_id", container->id);
    set_valid(set, "__meta_docker_container_name", name);
    set_valid(set, "__meta_docker_container_image", container->image);
    for (size_t i = 0; i < label_set_size(container->labels); i++) {
        const char *label, *value;
        label_set_at(container->labels, i, &label, &value);
        g_autofree char *meta = label_name_of("__meta_docker_container_label_", label);
        set_valid(set, meta, value);
    }
}

void
target_add_meta_labels(const Target *target, LabelSet *set)
{
    set_valid(set, "__meta_process_executable", target->executable_path);
    set_number(set, "__meta_process_pid", target->pid);
    set_valid(set, "__meta_systemd_unit", target->cgroup->systemd_unit);
    if (target->pod != NULL)
        target_add_pod_meta_labels(target->pod, target->container, set);
    if (target->local != NULL)
        add_local_container(target->local, set);
}

void
target_add_tenant(const Pod *pod, const char *pod_label, LabelSet *set)
{
    if (pod != NULL && pod_label != NULL && *pod_label != '\0')
        set_valid(set, TARGET_TENANT_LABEL, label_set_get(pod->labels, pod_label));
}

void
target_drop_meta_labels(LabelSet *set)
{
    for (size_t i = label_set_size(set); i-- > 0;) {
        const char *name, *value;
        label_set_at(set, i, &name, &value);
        if (g_str_has_prefix(name, "__") && strcmp(name, "__name__") != 0 &&
            strcmp(name, TARGET_TENANT_LABEL) != 0) {
            g_autofree char *gone = g_strdup(name);
            label_set_set(set, gone, "");
        }
    }
}
