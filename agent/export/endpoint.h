/* A server that profiles go to, and how: what a user says of it. Shared by reference between
 * threads, and not changed once it was checked. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/export/series.h"

enum { ENDPOINT_NAME_LENGTH_MAX = 63, ENDPOINTS_MAX = 16 };

/* What Alloy's pyroscope.write has by default, but for tries_max, which is 10 there. */
enum {
    ENDPOINT_TIMEOUT_MS = 10 * 1000,
    ENDPOINT_BACKOFF_MIN_MS = 500,
    ENDPOINT_BACKOFF_MAX_MS = 5 * 60 * 1000,
};

typedef struct {
    char *name;          /* in metrics and messages, and of the folder of its spool */
    char *url;           /* "http://host:4040"; a path is a prefix; user and password: never said */
    char *shown_url;     /* without secrets */
    char *tenant;        /* of profiles that name none; NULL: none */
    GHashTable *headers; /* name → value of each request; NULL: none */
    GHashTable *header_files; /* name → file with the value, read for each request; NULL: none */
    char *token_file;         /* bearer token, read for each request; NULL: none */
    char *user, *password_file;
    char *ca_file, *cert_file, *key_file, *tls_server_name; /* NULL: what the system has, or none */
    bool is_tls_unchecked;
    int64_t timeout_ms;
    int64_t backoff_min_ms, backoff_max_ms;
    int64_t tries_max; /* 0: until the profiles are too old */
    bool retries_on_429;
    SeriesCoding coding;
    GHashTable *external_labels; /* of profiles that do not have them; NULL: none */
} Endpoint;

/* With the defaults and no URL; one reference. */
Endpoint *endpoint_new(void);
Endpoint *endpoint_ref(Endpoint *endpoint);
/* NULL is allowed. */
void endpoint_unref(Endpoint *endpoint);

/* Whether both say the same in every field. */
bool endpoint_is_same(const Endpoint *a, const Endpoint *b);

/* Checks what does not depend on others, and gives an endpoint without a name that of its host and
 * port. INVALID_ARGUMENT names the field, by the key that it has in the file. */
bool endpoint_check(Endpoint *endpoint, GError **error);
/* "gzip", "zstd" or "none"; INVALID_ARGUMENT. */
bool endpoint_parse_coding(const char *text, SeriesCoding *ret_coding, GError **error);
/* Whether servers take it for a tenant: at most CRESSET_TENANT_LENGTH_MAX of [0-9a-zA-Z!-_.*'()],
 * neither "." nor "..". */
bool endpoint_is_tenant(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Endpoint, endpoint_unref)
