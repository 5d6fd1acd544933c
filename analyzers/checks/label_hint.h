/* Guesses which pods a selector was meant for. */
#pragma once
#include "analyzers/collect/relations.h"

/* Of a namespace, the labels that come nearest to a map of wanted ones, as far as they differ:
 * "app=cart-service"; NULL when none is near. `name` is what the selector belongs to: an object
 * that is called the same is preferred. *ret_owner: what carries them. Free with g_free. */
char *label_hint(const Snapshot *snapshot, const Relations *relations, const char *ns,
                 const Value *wanted, const char *name, const Object **ret_owner);
/* The object of a list whose name is nearest to another, or NULL. */
const Object *name_hint(const GPtrArray *objects, const char *name);
