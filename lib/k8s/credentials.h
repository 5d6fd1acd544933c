/* Who we are for the API server, now: tokens change while a program runs. A token file is read for
 * every request, as the kubelet replaces it; a plug-in is run when what it gave expires or was
 * refused. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/k8s/config.h"

typedef struct CredentialSource CredentialSource;

typedef struct {
    char *authorization; /* "Authorization: Bearer …"; NULL: none */
    GBytes *certificate_pem, *key_pem;
} Credentials;

/* `config` outlives the source. For any number of threads. */
CredentialSource *credential_source_new(const K8sConfig *config);
void credential_source_free(CredentialSource *source);

/* Fills *ret_credentials, to be cleared by the caller. A plug-in is given until `end_us`
 * (g_get_monotonic_time; 0: no end), EXEC_PLUGIN_TIMEOUT_MS at most. Errors as of exec_plugin_run,
 * or that the token file cannot be read or holds no token. */
bool credential_source_get(CredentialSource *source, int64_t end_us, GCancellable *cancel,
                           Credentials *ret_credentials, GError **error);
/* Says that the server did not take these (401). Whether there may be others, so that another try
 * makes sense. */
bool credential_source_refuse(CredentialSource *source, const Credentials *refused);
void credentials_clear(Credentials *credentials);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CredentialSource, credential_source_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Credentials, credentials_clear)
