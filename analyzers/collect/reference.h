/* What templates of pods refer to by name. */
#pragma once
#include "analyzers/collect/kind.h"
#include "lib/k8s/value.h"

/* Visits KIND_CONFIG_MAP and KIND_SECRET with a name that a template has: of volumes, projected
 * ones too, and of the environment of containers, init containers too. One may come several times.
 */
typedef void (*ReferenceFunc)(void *data, Kind kind, const char *name);
void template_each_reference(const Value *template, ReferenceFunc func, void *data);
