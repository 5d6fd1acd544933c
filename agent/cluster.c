#include "agent/cluster.h"

#include <string.h>

#include "lib/base/error.h"

static bool
is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

char *
cluster_kubelet_url(const AgentOptions *options)
{
    if (!agent_options_asks_kubelet(options))
        return NULL;
    if (strcmp(options->kubelet, "auto") != 0)
        return g_strdup(options->kubelet);
    const char *address = g_getenv("NODE_IP");
    if (!is_set(address))
        address = "127.0.0.1";
    bool is_ipv6 = strchr(address, ':') != NULL && address[0] != '[';
    return g_strdup_printf(is_ipv6 ? "https://[%s]:%d" : "https://%s:%d", address,
                           CLUSTER_KUBELET_PORT);
}

static K8sConfig *
load_api_server(const AgentOptions *options, GError **error)
{
    bool has_kubeconfig = is_set(options->kubeconfig);
    const K8sConfigOptions config = {.kubeconfig = has_kubeconfig ? options->kubeconfig : NULL};
    g_autoptr(GError) failure = NULL;
    K8sConfig *cluster = k8s_config_load(&config, &failure);
    if (cluster != NULL)
        return cluster;
    bool is_asked_for = has_kubeconfig || strcmp(options->kubernetes, "auto") != 0;
    if (is_asked_for || agent_options_asks_kubelet(options))
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        g_warning("no pods are looked for: %s", failure->message);
    return NULL;
}

/* Nothing of the API server's certificate holds for the kubelet's, but perhaps who signed it. */
static bool
take_trust(const AgentOptions *options, K8sConfig *config, GError **error)
{
    g_clear_pointer(&config->tls_server_name, g_free);
    g_clear_pointer(&config->proxy_url, g_free);
    config->tls_unchecked = options->kubelet_insecure;
    if (!is_set(options->kubelet_ca))
        return true;
    GBytes *pem = k8s_read_pem(options->kubelet_ca, error);
    if (pem == NULL) {
        g_prefix_error(error, "option --kubelet-ca: ");
        return false;
    }
    g_clear_pointer(&config->ca_pem, g_bytes_unref);
    config->ca_pem = pem;
    g_free(config->ca_file);
    config->ca_file = g_strdup(options->kubelet_ca);
    return true;
}

/* Who asks: the account of the kubeconfig or of the pod; nobody where there is none, or where
 * whoever is in between could read the token. */
static K8sConfig *
load_account(const AgentOptions *options, const char *url, GError **error)
{
    bool has_account = is_set(options->kubeconfig) || is_set(g_getenv("KUBERNETES_SERVICE_HOST"));
    if (has_account && g_str_has_prefix(url, "https:"))
        return load_api_server(options, error);
    const K8sConfigOptions config = {.server = url};
    return k8s_config_load(&config, error);
}

static K8sConfig *
load_kubelet(const AgentOptions *options, const char *url, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!k8s_server_check(url, &failure)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "option --kubelet: '%s': %s", url,
                  failure->message);
        return NULL;
    }
    g_autoptr(K8sConfig) config = load_account(options, url, error);
    if (config == NULL || !take_trust(options, config, error))
        return NULL;
    g_free(config->server);
    config->server = g_strdup(url);
    for (size_t end = strlen(url); end > 0 && url[end - 1] == '/'; end--)
        config->server[end - 1] = '\0';
    if (config->tls_unchecked)
        g_warning("the certificate of the kubelet is not checked (--kubelet-insecure): whoever is "
                  "in between can read the token of %s and name processes as they like",
                  config->origin);
    return g_steal_pointer(&config);
}

K8sConfig *
cluster_load(const AgentOptions *options, GError **error)
{
    g_autofree char *kubelet = cluster_kubelet_url(options);
    if (!agent_options_in_cluster(options))
        return NULL;
    K8sConfig *config =
        kubelet != NULL ? load_kubelet(options, kubelet, error) : load_api_server(options, error);
    if (config != NULL)
        g_message("naming processes after the pods of node %s, of the %s %s, by %s",
                  agent_options_node(options), kubelet != NULL ? "kubelet" : "API server",
                  config->server, config->origin);
    return config;
}
