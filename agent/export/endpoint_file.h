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
