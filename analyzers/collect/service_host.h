/* Hosts that name Services of the cluster, read as the DNS of a pod reads them. */
#pragma once
#include "analyzers/collect/snapshot.h"

enum { SERVICE_NAMES_MAX = 2 };

/* A Service that a host may mean. */
typedef struct {
    char *name, *ns;
    bool is_full; /* "web.shop.svc…": it can mean nothing else */
} ServiceName;

/* The Services that a host may mean to a pod of a namespace, in the order in which they are looked
 * for: of "web", "web.shop", "web.shop.svc…", and of a pod "web-0.web", "web-0.web.shop.svc…".
 * Returns how many there are, to be cleared: none for addresses, wildcards, localhost, hosts
 * outside and those of a set of clusters (clusterset). */
size_t service_names_of(const char *host, const char *ns, ServiceName ret_names[SERVICE_NAMES_MAX]);
void service_names_clear(ServiceName *names, size_t n);

/* The Service that a host means to a pod of a namespace; NULL when it is none that is known. An
 * address is looked for among cluster addresses. */
const Object *service_of_host(const Snapshot *snapshot, const char *host, const char *ns);
/* Whether a host can only mean a Service of this cluster which does not exist, and which no
 * ServiceEntry of a mesh stands for. */
bool service_host_is_missing(const Snapshot *snapshot, const char *host, const char *ns);
