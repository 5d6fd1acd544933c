/* Classes of volumes. */
#pragma once
#include "analyzers/collect/snapshot.h"

/* Whether claims that name no class get this one: an annotation says so
 * (storageclass.kubernetes.io/is-default-class, and its form of before Kubernetes 1.6). */
bool storage_class_is_default(const Object *class);
