/* Who may act for which tenant: tokens, in a file that is read again when it changes.
 *
 *   tokens:
 *     - name: grafana            # for people, never secret
 *       sha256: 9f86d081…        # of the token, 64 hexadecimal digits
 *       tenants: [team-a, team-b]  # or ["*"]
 *       access: [read]           # read, write; both when it is not there
 *
 * A token travels as `Authorization: Bearer TOKEN`, or as the password of basic authentication,
 * whose user then is a tenant id. Tokens are random (`openssl rand -hex 32`), so that a plain
 * SHA-256 keeps them at rest. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/reloaded_file.h"
#include "server/tenant/tenant.h"

typedef struct TenantAuth TenantAuth;

/* NULL with *error when the file is not good. It is read again within 10 s of a change; `notice` is
 * told (may be NULL). */
TenantAuth *tenant_auth_new(const char *path, ReloadedFileNotice notice, GError **error);
void tenant_auth_free(TenantAuth *auth);

typedef struct {
    const char *authorization; /* the header, or NULL */
    const char *org_id;        /* the header X-Scope-OrgID, or NULL */
    bool writing;
} TenantClaim;

/* The tenant that the claim acts for, as tenant_resolve gives it; a claim without X-Scope-OrgID is
 * for the user of basic authentication, or the only tenant that its token names. UNAUTHENTICATED
 * without a known token, PERMISSION_DENIED when it is not for that tenant or access. */
char *
tenant_auth_resolve(TenantAuth *auth, TenantMode mode, const TenantClaim *claim, GError **error);

/* Whether the claim may read the tenant; for lists of tenants. */
bool tenant_auth_may_read(TenantAuth *auth, const char *authorization, const char *tenant);

/* Appends cresset_server_tokens_… as Prometheus text. */
void tenant_auth_write_metrics(TenantAuth *auth, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TenantAuth, tenant_auth_free)
