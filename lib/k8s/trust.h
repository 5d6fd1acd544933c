/* Whom we take for the API server, now: the file of its authorities changes while a program runs,
 * and is looked at before each request. With other authorities there are other connections. A file
 * that holds none changes nothing, which is told once in the log: the last good ones stay trusted.
 */
#pragma once
#include "lib/k8s/config.h"
#include "lib/net/http_client.h"

typedef struct TrustSource TrustSource;

/* What trusts the authorities of one time. */
typedef struct {
    HttpClient *http;
    GBytes *ca_pem; /* NULL: those of the system */
} TrustedClient;

/* Reads `config` now; without a ca_file the client stays what it is. `user_agent` is copied. Never
 * fails: where the file cannot be read, config's ca_pem is trusted. For any number of threads. */
TrustSource *trust_source_new(const K8sConfig *config, const char *user_agent);
/* No client may be in use. NULL is allowed. */
void trust_source_free(TrustSource *source);

/* The client for the next request: a reference, to be given back when the request is over. */
TrustedClient *trust_source_acquire(TrustSource *source);
void trust_source_release(TrustedClient *client);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TrustSource, trust_source_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TrustedClient, trust_source_release)
