/* How the objects of a snapshot hang together: owners, selectors, references. */
#pragma once
#include "analyzers/collect/snapshot.h"
#include "lib/k8s/selector.h"

typedef struct Relations Relations;

/* Borrows a finished snapshot. For one thread: answers are kept. */
Relations *relations_new(const Snapshot *snapshot);
void relations_free(Relations *relations);

/* The object that controls another, or NULL. */
const Object *relations_owner(const Relations *relations, const Object *object);
/* The uppermost of its controllers: the Deployment of a Pod; itself when nothing controls it. */
const Object *relations_controller(const Relations *relations, const Object *object);
/* Object that an object controls, directly; never NULL. */
const GPtrArray *relations_owned(const Relations *relations, const Object *owner);
/* Pods that an object controls, through any number of others; free with g_ptr_array_unref. */
GPtrArray *relations_pods(const Relations *relations, const Object *owner);
/* Pods of a namespace that a LabelSelector matches for sure; free with g_ptr_array_unref. */
GPtrArray *relations_select(const Relations *relations, const char *ns, const Value *selector);
/* Whether a Service sends to pods with these labels. Without a selector, or with an empty one, it
 * selects nothing. */
bool service_selects(const Object *service, const Value *labels);
/* Pods that a Service selects: kept with the relations, never NULL. */
const GPtrArray *relations_service_pods(const Relations *relations, const Object *service);
/* Services that select a pod; free with g_ptr_array_unref. */
GPtrArray *relations_pod_services(const Relations *relations, const Object *pod);
/* Controllers of a namespace that make pods (also of none at present), whose template matches the
 * selector; free likewise. */
GPtrArray *
relations_templates(const Relations *relations, const char *ns, const Value *selector, bool is_map);

/* The template of the pods that an object makes; a Pod is its own. {metadata, spec} or NULL. */
const Value *pod_template(const Object *object);

/* What an object needs to be well, one step away: the pods of a Deployment, the node and the claims
 * of a pod, the pods of a Service, the Service of an Ingress. Object; free with
 * g_ptr_array_unref. */
GPtrArray *relations_needs(const Relations *relations, const Object *object);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Relations, relations_free)
