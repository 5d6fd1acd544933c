/* How a scrape job logs in at its targets: the keys that Prometheus has for it in the configuration
 * of its HTTP client. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/yaml_field.h"
#include "lib/net/http_auth.h"
#include "lib/net/http_client.h"
#include "lib/net/oauth2.h"

/* oauth2: where tokens come from. */
typedef struct {
    char *client_id, *client_secret, *client_secret_file, *token_url;
    GStrv scopes;
    GHashTable *endpoint_params;
    char *ca_file, *tls_server_name, *proxy_url; /* of the token server; NULL: as a client has it */
    bool tls_unchecked;
} ScrapeOAuth2;

/* At most one way of these; each text NULL: not given. */
typedef struct {
    char *token, *token_file;                    /* bearer_token, bearer_token_file */
    char *type, *credentials, *credentials_file; /* authorization */
    char *user, *password, *password_file;       /* basic_auth */
    ScrapeOAuth2 *oauth2;                        /* NULL: none */
} ScrapeAuth;

void scrape_auth_clear(ScrapeAuth *auth);

/* Read the keys authorization, basic_auth and oauth2 into a ScrapeAuth. */
bool scrape_auth_read_authorization(YamlTree *tree, const YamlNode *node, const char *key,
                                    void *place, GError **error);
bool scrape_auth_read_basic(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                            GError **error);
bool scrape_auth_read_oauth2(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                             GError **error);

/* False with INVALID_ARGUMENT, which names the keys but says nothing of a secret. */
bool scrape_auth_check(const ScrapeAuth *auth, GError **error);
/* The same for http_auth_line, borrowed; says nothing where there is oauth2. */
HttpAuth scrape_auth_http(const ScrapeAuth *auth);
