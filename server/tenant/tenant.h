/* Which tenant a request belongs to.
 *
 * The tenant travels in the header X-Scope-OrgID. An id has at most 150 bytes of
 * [0-9a-zA-Z!-_.*'()] and is neither "." nor "..", the rule that Pyroscope, Mimir and Loki share,
 * so that it is safe as a directory name and an object key. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#define TENANT_HEADER    "X-Scope-OrgID"
#define TENANT_ANONYMOUS "anonymous"
/* Each is a pass over the store. */
#define TENANTS_OF_READ_MAX 64

typedef enum {
    TENANT_OFF,      /* the header is ignored: everything is tenant "anonymous" */
    TENANT_OPTIONAL, /* no header is tenant "anonymous" */
    TENANT_REQUIRED, /* no header is an error */
} TenantMode;

/* Parses "off", "optional" or "required"; INVALID_ARGUMENT otherwise. */
bool tenant_mode_parse(const char *text, TenantMode *ret_mode, GError **error);

/* Checks one tenant id; UNAUTHENTICATED with the reason. */
bool tenant_validate(const char *id, GError **error);

/* The tenant for a request with `header` (NULL when absent), to be freed by the caller.
 * UNAUTHENTICATED when it is missing or not valid. Reads may name several ids, joined by '|': they
 * come back sorted, each once. More than TENANTS_OF_READ_MAX of them, or several of a write
 * (`writing`), are INVALID_ARGUMENT. */
char *tenant_resolve(TenantMode mode, const char *header, bool writing, GError **error);
