/* Conditions and references of the Gateway API. */
#pragma once
#include "analyzers/collect/snapshot.h"

/* Kinds of routes. */
static const Kind route_kinds[] = {KIND_HTTP_ROUTE, KIND_GRPC_ROUTE, KIND_TCP_ROUTE,
                                   KIND_TLS_ROUTE};

/* "Reason: message" of a condition, without a full stop; "no condition" for NULL. Free with
 * g_free. */
char *condition_text(const Value *condition);
/* When it began; 0 when that is not known. */
int64_t condition_since(const Value *condition);
/* The namespace that a reference of an object is about: its own when it names none. */
const char *ref_namespace(const Value *ref, const Object *object);
