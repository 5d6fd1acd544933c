/* Where Services send to: pods, their ports, EndpointSlices. */
#pragma once
#include "analyzers/collect/relations.h"

/* Neither finished nor failed. */
bool backend_is_live(const Object *pod);
/* Live, its condition Ready is true, and it is not being deleted. */
bool backend_is_ready(const Object *pod);
/* Since when a pod is not ready; 0: it is, or nobody can say (a container that restarts changes
 * the condition at each try). */
int64_t backend_unready_since(const Object *pod);

/* Protocol of a port of a Service, a container or a policy. */
const char *port_protocol(const Value *port);
/* Number of the container port of this name; 0 when the template declares none. `protocol` NULL:
 * any. */
int port_named(const Value *template, const char *name, const char *protocol);
/* A container port of this number, or NULL. `protocol` NULL: any. */
const Value *port_numbered(const Value *template, int number, const char *protocol);
/* Whether a probe, an annotation, a variable or an argument of a pod names a port, or a sidecar of
 * Istio has it (15000 to 15099): not all ports are declared. */
bool port_is_mentioned(const Object *pod, int number);
/* Number of ports that the containers of a template declare. */
guint port_count(const Value *template);
/* "8080 (http), 9090", for people; free with g_free. */
char *port_list_text(const Value *template);
/* The same of the ports of a Service. */
char *service_ports_text(const Object *service);
/* What a port of a Service is sent to: a name or a number. */
const char *service_target_text(const Value *port);
/* Number of the port of this pod that a port of a Service goes to; 0: it declares none of that
 * name. */
int service_target(const Value *port, const Object *pod);
/* The port of a Service with this number, or, when it is 0, this name; NULL when there is none. */
const Value *service_port(const Object *service, int number, const char *name);

typedef struct Backends Backends;
/* Borrows the relations. */
Backends *backends_new(const Snapshot *snapshot);
void backends_free(Backends *backends);
/* EndpointSlices of a Service: Object; never NULL. */
const GPtrArray *backends_slices(const Backends *backends, const Object *service);
/* Ready and all addresses of a Service. False when EndpointSlices are not known. */
bool
backends_count(const Backends *backends, const Object *service, guint *ret_ready, guint *ret_all);

/* Addresses that the Ingresses of its namespace serve from a Service, "https://a.example/cart", at
 * most three and how many more; "" for none. Free with g_free. */
char *service_urls_text(const Snapshot *snapshot, const Object *service);
/* "https://a.example/cart" of a rule and a path of an Ingress (both may be NULL); free likewise. */
char *ingress_url_text(const Object *ingress, const Value *rule, const Value *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Backends, backends_free)
