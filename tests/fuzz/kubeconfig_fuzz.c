/* A kubeconfig comes from whoever wrote it: any text gives a configuration or an error that says
 * where. The first byte chooses what is allowed and which context is asked for. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/k8s/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char path[] = "/nonexistent/config";
    const KubeconfigOptions options = {
        .exec_allowed = size > 0 && (data[0] & 1) != 0,
        .context = size > 0 && (data[0] & 2) != 0 ? "c" : NULL,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(K8sConfig) config = kubeconfig_parse((const char *)data + (size > 0),
                                                   size - (size > 0), path, &options, &error);
    if ((config != NULL) != (error == NULL))
        __builtin_trap();
    if (error != NULL && !g_str_has_prefix(error->message, path))
        __builtin_trap();
    if (config != NULL && (config->server == NULL || config->namespace == NULL ||
                           (config->certificate_pem == NULL) != (config->key_pem == NULL) ||
                           (config->exec != NULL && !options.exec_allowed)))
        __builtin_trap();
    return 0;
}
