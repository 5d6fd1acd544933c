/* Ports of Services against those of their pods. */
#include <string.h>

#include "analyzers/checks/table.h"
#include "analyzers/collect/backend.h"
#include "analyzers/collect/change.h"

static void run_service_ports(CheckRun *run);

enum { ROW_NAME, ROW_NUMBER, ROW_PROTOCOL };

static const CheckRow rows[] = {
    [ROW_NAME] =
        {
            .id = "service-targetport-name-missing",
            .kind = "Service",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "A port of a Service leads nowhere: no pod has a port of its name.",
            .meaning =
                "targetPort is a name, and no container of the selected pods declares a port of "
                "this name and protocol, so the port has no endpoints.",
            .fix = "Write the name that the containers declare, or the number, into targetPort.",
            .run = run_service_ports,
            .needs = {KIND_POD},
        },
    [ROW_NUMBER] =
        {
            .id = "service-targetport-unexposed",
            .kind = "Service",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .hold_s = 3600,
            .symptom = "A Service probably sends to a port where nothing listens.",
            .meaning =
                "targetPort is a number that no container of the selected pods declares, though "
                "they declare others, and neither a probe nor their environment or arguments name "
                "it. Declaring ports is voluntary, hence \"probably\".",
            .fix = "Find out on which port the container listens, and set targetPort to it.",
            .run = run_service_ports,
            .needs = {KIND_POD},
        },
    [ROW_PROTOCOL] =
        {
            .id = "service-protocol-mismatch",
            .kind = "Service",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_SERVICE,
            .tier = 1,
            .is_own_cause = true,
            .symptom = "A Service forwards another protocol than the container speaks.",
            .meaning =
                "The containers declare the number of targetPort with another protocol only, and "
                "no other port of the Service forwards that protocol there.",
            .fix = "Set the same protocol in the Service and in the container port.",
            .run = run_service_ports,
            .needs = {KIND_POD},
        },
};

const CheckTopic check_topic_service_port = {rows, G_N_ELEMENTS(rows)};

typedef struct {
    CheckRun *run;
    const Object *service;
    const GPtrArray *pods; /* selected and not finished; at least one */
    const Value *port;
} ServicePort;

static const Object *
first_pod(const ServicePort *p)
{
    return p->pods->pdata[0];
}

static Finding *
report(const ServicePort *p, size_t row)
{
    Finding *finding =
        check_report_once(p->run, &rows[row], p->service, value_text(p->port, "port"));
    if (finding == NULL)
        return NULL;
    g_autofree char *urls = service_urls_text(p->run->snapshot, p->service);
    if (urls[0] != '\0')
        finding_evidence(finding, "Ingresses send requests to the Service: %s", urls);
    finding_fix(finding, "Correct targetPort of port %s of Service %s, or the container port.",
                value_text(p->port, "port"), p->service->name);
    finding_fix(finding, "kubectl -n %s get service %s -o yaml", p->service->ns, p->service->name);
    return finding;
}

/* What the pods have instead: "8080 (web)", or that they declare none. */
static char *
offered_text(const ServicePort *p)
{
    char *ports = port_list_text(first_pod(p)->value);
    if (ports[0] != '\0')
        return ports;
    g_free(ports);
    return g_strdup("none");
}

static void
look_at_name(const ServicePort *p, const char *name)
{
    const char *protocol = port_protocol(p->port);
    for (guint i = 0; i < p->pods->len; i++) {
        const Object *pod = p->pods->pdata[i];
        if (port_named(pod->value, name, protocol) > 0)
            return;
    }
    Finding *finding = report(p, ROW_NAME);
    if (finding == NULL)
        return;
    g_autofree char *offered = offered_text(p);
    bool is_other_protocol = port_named(first_pod(p)->value, name, NULL) > 0;
    finding_title(finding, "Service %s sends port %s to container port \"%s\", which no pod has",
                  p->service->name, value_text(p->port, "port"), name);
    finding_cause(finding,
                  "targetPort \"%s\" (%s) of the Service is declared by none of its %u pods; their "
                  "container ports are: %s. So the port has no endpoints and nothing answers.",
                  name, protocol, p->pods->len, offered);
    if (is_other_protocol)
        finding_evidence(finding, "The pods declare \"%s\" with another protocol than %s", name,
                         protocol);
    finding_evidence(finding, "Container ports of Pod %s: %s", first_pod(p)->name, offered);
}

/* Whether a text has a number as a word of its own. */
static bool
has_number(const char *text, const char *number)
{
    size_t length = strlen(number);
    for (const char *at = strstr(text, number); at != NULL; at = strstr(at + 1, number)) {
        if ((at == text || !g_ascii_isdigit(at[-1])) && !g_ascii_isdigit(at[length]))
            return true;
    }
    return false;
}

static bool
has_number_in(const Value *list, const char *field, const char *number)
{
    for (const Value *one = value_first(list, ""); one != NULL; one = one->next) {
        if (has_number(value_text(one, field), number))
            return true;
    }
    return false;
}

/* Whether a container says in another way than by its ports that it listens there. */
static bool
is_hinted_by(const Value *container, const char *number)
{
    static const char *const probes[] = {"readinessProbe", "livenessProbe", "startupProbe"};
    for (size_t i = 0; i < G_N_ELEMENTS(probes); i++) {
        const Value *probe = value_get(container, probes[i]);
        if (value_is(probe, "httpGet.port", number) || value_is(probe, "tcpSocket.port", number) ||
            value_is(probe, "grpc.port", number))
            return true;
    }
    return has_number_in(value_get(container, "args"), "", number) ||
           has_number_in(value_get(container, "command"), "", number) ||
           has_number_in(value_get(container, "env"), "value", number);
}

static bool
is_hinted(const ServicePort *p, const char *number)
{
    const Value *pod = first_pod(p)->value;
    for (const Value *c = value_first(pod, "spec.containers"); c != NULL; c = c->next) {
        if (is_hinted_by(c, number))
            return true;
    }
    for (const Value *c = value_first(pod, "spec.initContainers"); c != NULL; c = c->next) {
        if (is_hinted_by(c, number))
            return true;
    }
    /* A scraper was told about it. */
    const Value *annotations = value_at(pod, "metadata.annotations");
    return has_number_in(annotations, "", number);
}

/* Whether other ports of the Service hit what the pods declare: then this one is likelier one that
 * was not declared than a mistake. */
static bool
is_other_port_right(const ServicePort *p)
{
    for (const Value *port = value_first(p->service->value, "spec.ports"); port != NULL;
         port = port->next) {
        int number = port != p->port ? service_target(port, first_pod(p)) : 0;
        if (number > 0 && port_numbered(first_pod(p)->value, number, NULL) != NULL)
            return true;
    }
    return false;
}

/* Whether the Service forwards the protocol that the container has to the same number, too. */
static bool
is_other_protocol_forwarded(const ServicePort *p, int number)
{
    const Value *declared = port_numbered(first_pod(p)->value, number, NULL);
    for (const Value *port = value_first(p->service->value, "spec.ports"); port != NULL;
         port = port->next) {
        if (service_target(port, first_pod(p)) == number &&
            strcmp(port_protocol(port), port_protocol(declared)) == 0)
            return true;
    }
    return false;
}

static void
report_protocol(const ServicePort *p, int number)
{
    const Value *declared = port_numbered(first_pod(p)->value, number, NULL);
    Finding *finding = report(p, ROW_PROTOCOL);
    if (finding == NULL)
        return;
    finding_title(finding, "Service %s forwards %s to port %d, where the container has %s",
                  p->service->name, port_protocol(p->port), number, port_protocol(declared));
    finding_cause(finding,
                  "Port %s of the Service is %s, and container port %d of its pods is declared as "
                  "%s, so packets probably reach nobody.",
                  value_text(p->port, "port"), port_protocol(p->port), number,
                  port_protocol(declared));
}

static void
report_number(const ServicePort *p, int number)
{
    if (!check_held(p->run, &rows[ROW_NUMBER], object_changed_s(p->service, NULL)))
        return;
    Finding *finding = report(p, ROW_NUMBER);
    if (finding == NULL)
        return;
    g_autofree char *offered = offered_text(p);
    if (is_other_port_right(p))
        finding->severity = SEVERITY_LOW;
    finding_title(finding, "Service %s sends to port %d, which its pods do not declare",
                  p->service->name, number);
    finding_cause(finding,
                  "targetPort of port %s is %d, but the pods declare %s; probably nothing listens "
                  "on %d and connections are refused.",
                  value_text(p->port, "port"), number, offered, number);
}

static void
look_at_number(const ServicePort *p, int number)
{
    g_autofree char *text = g_strdup_printf("%d", number);
    bool is_declared = false;
    for (guint i = 0; i < p->pods->len; i++) {
        const Object *pod = p->pods->pdata[i];
        if (port_count(pod->value) == 0 ||
            port_numbered(pod->value, number, port_protocol(p->port)) != NULL)
            return;
        is_declared = is_declared || port_numbered(pod->value, number, NULL) != NULL;
    }
    if (is_declared && !is_other_protocol_forwarded(p, number))
        report_protocol(p, number);
    else if (!is_declared && !is_hinted(p, text))
        report_number(p, number);
}

static void
look_at_service(CheckRun *run, const Object *service)
{
    const GPtrArray *all = relations_service_pods(run->relations, service);
    g_autoptr(GPtrArray) pods = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        if (backend_is_live(all->pdata[i]))
            g_ptr_array_add(pods, all->pdata[i]);
    }
    if (pods->len == 0)
        return;
    for (const Value *port = value_first(service->value, "spec.ports"); port != NULL;
         port = port->next) {
        const ServicePort p = {run, service, pods, port};
        const char *target = service_target_text(port);
        guint64 number;
        if (g_ascii_string_to_unsigned(target, 10, 1, 65535, &number, NULL))
            look_at_number(&p, (int)number);
        else if (target[0] != '\0')
            look_at_name(&p, target);
    }
}

static void
run_service_ports(CheckRun *run)
{
    const GPtrArray *services = snapshot_objects(run->snapshot, KIND_SERVICE);
    if (!snapshot_knows(run->snapshot, KIND_POD))
        return;
    for (guint i = 0; i < services->len; i++) {
        const Object *service = services->pdata[i];
        if (!value_is(service->value, "spec.type", "ExternalName") &&
            value_time(service->value, "metadata.deletionTimestamp") == 0)
            look_at_service(run, service);
    }
}
