/* Runs a credential plug-in of a kubeconfig: the program is told of the cluster by the variable
 * KUBERNETES_EXEC_INFO and prints an ExecCredential
 * (https://kubernetes.io/docs/reference/config-api/client-authentication.v1/). */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/k8s/config.h"

enum {
    EXEC_PLUGIN_TIMEOUT_MS = 60 * 1000,
    EXEC_PLUGIN_OUTPUT_BYTES_MAX = 1024 * 1024,
};

typedef struct {
    char *token; /* NULL: none */
    GBytes *certificate_pem, *key_pem;
    int64_t expires_us; /* g_get_real_time; 0: not said */
} ExecCredential;

/* Runs the plug-in of `config` with nothing to read and waits for its end. What it started and left
 * behind is killed with it. Errors name the command and show the start of what it wrote to standard
 * error, never its output: NOT_FOUND, DEADLINE_EXCEEDED after `timeout_ms`, RESOURCE_EXHAUSTED,
 * CANCELLED, UNAUTHENTICATED when it fails or prints no credentials. */
bool exec_plugin_run(const K8sConfig *config, int64_t timeout_ms, GCancellable *cancel,
                     ExecCredential *ret_credential, GError **error);
/* Reads an ExecCredential of this apiVersion. UNAUTHENTICATED when it is none. */
bool exec_credential_read(const char *text, size_t size, const char *api_version,
                          ExecCredential *ret_credential, GError **error);
void exec_credential_clear(ExecCredential *credential);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ExecCredential, exec_credential_clear)
