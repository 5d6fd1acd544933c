/* The file of --endpoints-file: several servers, in YAML, with the names of Alloy's
 * pyroscope.write.
 *
 *   endpoints:
 *     - url: https://profiles.example
 *       name: hub                  # host and port of the URL
 *       tenant: shop               # --tenant
 *       headers: {X-Region: eu}
 *       header_files: {X-Api-Key: /etc/cresset/key}
 *       bearer_token_file: /etc/cresset/token
 *       basic_auth: {username: agent, password_file: /etc/cresset/password}
 *       tls_config: {ca_file: …, cert_file: …, key_file: …, server_name: …,
 *                    insecure_skip_verify: false}
 *       remote_timeout: 10s
 *       min_backoff_period: 500ms
 *       max_backoff_period: 5m
 *       max_backoff_retries: 0     # until the profiles are too old
 *       retry_on_http_429: true
 *       compression: gzip          # or zstd, none
 *       external_labels: {cluster: eu}
 */
#pragma once
#include "agent/export/endpoint.h"

/* The endpoints (Endpoint) of the file, of which there is at least one; `tenant` (NULL: none) is
 * that of those that name none. NULL with *error, which names the line and the key. */
GPtrArray *endpoint_file_load(const char *path, const char *tenant, GError **error);

/* The same file, read again when it changes. One that is not good is told in the log, and changes
 * nothing. Any thread may call. */
typedef struct EndpointFile EndpointFile;

/* As endpoint_file_load. */
EndpointFile *endpoint_file_open(const char *path, const char *tenant, GError **error);
/* NULL is allowed. */
void endpoint_file_close(EndpointFile *file);
/* The endpoints in force, a reference; the same array until they change. */
GPtrArray *endpoint_file_endpoints(EndpointFile *file);
/* Appends cresset_agent_endpoints_file_…, see reloaded_file_write_metrics. */
void endpoint_file_write_metrics(EndpointFile *file, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EndpointFile, endpoint_file_close)
