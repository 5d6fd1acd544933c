/* Which class an Ingress has, and which pods serve a class. */
#pragma once
#include "analyzers/collect/snapshot.h"

/* By field or by the older annotation; "" when it names none. */
const char *ingress_class_name(const Object *ingress);
/* Pods of the well-known controller of an IngressClass that are not finished; empty when the
 * controller is not known. Object; free with g_ptr_array_unref. */
GPtrArray *ingress_class_pods(const Snapshot *snapshot, const Object *class);
/* The same of the class of an Ingress (by the annotation also without an IngressClass). */
GPtrArray *ingress_pods(const Snapshot *snapshot, const Object *ingress);
/* Pods that serve a Gateway, by the label of the Gateway API; free likewise. */
GPtrArray *gateway_pods(const Snapshot *snapshot, const Object *gateway);
