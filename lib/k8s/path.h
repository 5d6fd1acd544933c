/* Paths of the Kubernetes API. */
#pragma once
#include <glib.h>

/* "/apis/apps/v1/namespaces/shop/deployments/web": the path of a collection, or of an object when
 * there is a name. `group` "" is the core; `namespace` and `name` may be NULL. The caller frees. */
char *k8s_path(const char *group, const char *version, const char *namespace, const char *resource,
               const char *name);

/* Appends a parameter, whose value is escaped, behind '?' or '&'. */
void k8s_path_add(GString *url, const char *name, const char *value);
void k8s_path_add_number(GString *url, const char *name, unsigned value);
