#include "lib/k8s/config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/k8s/kubeconfig.h"

enum {
    PEM_BYTES_MAX = 1024 * 1024,
    NAMESPACE_BYTES_MAX = 4096,
};

void
exec_plugin_free(ExecPlugin *plugin)
{
    if (plugin == NULL)
        return;
    g_free(plugin->command);
    g_strfreev(plugin->args);
    g_strfreev(plugin->environment);
    g_free(plugin->api_version);
    g_free(plugin->interactive_mode);
    g_free(plugin->install_hint);
    g_free(plugin);
}

void
k8s_config_free(K8sConfig *config)
{
    if (config == NULL)
        return;
    g_free(config->server);
    g_free(config->namespace);
    g_free(config->origin);
    g_clear_pointer(&config->ca_pem, g_bytes_unref);
    g_free(config->ca_file);
    g_free(config->tls_server_name);
    g_free(config->proxy_url);
    g_clear_pointer(&config->certificate_pem, g_bytes_unref);
    g_clear_pointer(&config->key_pem, g_bytes_unref);
    g_free(config->token_file);
    g_free(config->token);
    g_free(config->username);
    g_free(config->password);
    exec_plugin_free(config->exec);
    g_free(config);
}

bool
k8s_server_check(const char *url, GError **error)
{
    g_autoptr(GUri) uri = http_url_parse(url);
    if (uri == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "server is not a URL of the form https://HOST[:PORT]");
    if (g_uri_get_userinfo(uri) != NULL || g_uri_get_query(uri) != NULL ||
        g_uri_get_fragment(uri) != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "server must be a URL without a user, a query and a fragment");
    return true;
}

bool
k8s_token_check(const char *token)
{
    size_t i = 0;
    while (g_ascii_isgraph(token[i]))
        i++;
    return i > 0 && token[i] == '\0';
}

char *
k8s_read_file(const char *path, gsize bytes_max, gsize *ret_size, GError **error)
{
    struct stat status;
    g_autofree char *text = NULL;
    if (stat(path, &status) != 0) {
        error_set_errno(error, errno, "cannot read %s", path);
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > (off_t)bytes_max) {
        error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                  "%s is not a file of at most %" G_GSIZE_FORMAT " bytes", path, bytes_max);
        return NULL;
    }
    g_autoptr(GError) cause = NULL;
    if (g_file_get_contents(path, &text, ret_size, &cause))
        return g_steal_pointer(&text);
    error_set(error, CRESSET_ERROR_FAILED_PRECONDITION, "cannot read %s: %s", path, cause->message);
    return NULL;
}

GBytes *
k8s_read_pem(const char *path, GError **error)
{
    gsize size;
    char *pem = k8s_read_file(path, PEM_BYTES_MAX, &size, error);
    return pem != NULL ? g_bytes_new_take(pem, size) : NULL;
}

static K8sConfig *
config_of_url(const char *url, GError **error)
{
    if (!k8s_server_check(url, error))
        return NULL;
    K8sConfig *config = g_new0(K8sConfig, 1);
    config->server = g_strdup(url);
    config->namespace = g_strdup("default");
    config->origin = g_strdup("the URL that was given");
    return config;
}

/* "https://10.96.0.1:443" of the environment that the kubelet gives every container. */
static char *
service_url(GError **error)
{
    const char *host = g_getenv("KUBERNETES_SERVICE_HOST");
    const char *port = g_getenv("KUBERNETES_SERVICE_PORT");
    bool is_ipv6 = strchr(host, ':') != NULL && *host != '[';
    g_autofree char *url = g_strdup_printf(is_ipv6 ? "https://[%s]:%s" : "https://%s:%s", host,
                                           port != NULL ? port : "443");
    if (k8s_server_check(url, NULL))
        return g_steal_pointer(&url);
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
              "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no host and port");
    return NULL;
}

static K8sConfig *
config_in_cluster(const char *dir, GError **error)
{
    g_autoptr(K8sConfig) config = g_new0(K8sConfig, 1);
    config->server = service_url(error);
    if (config->server == NULL)
        return NULL;
    g_autofree char *namespace_path = g_build_filename(dir, "namespace", NULL);
    config->token_file = g_build_filename(dir, "token", NULL);
    config->ca_file = g_build_filename(dir, "ca.crt", NULL);
    config->ca_pem = k8s_read_pem(config->ca_file, error);
    if (config->ca_pem == NULL || !g_file_test(config->token_file, G_FILE_TEST_EXISTS)) {
        if (config->ca_pem != NULL)
            error_set(error, CRESSET_ERROR_NOT_FOUND, "there is no %s", config->token_file);
        g_prefix_error(error, "this pod has no service account (automountServiceAccountToken must "
                              "not be false, or name a kubeconfig): ");
        return NULL;
    }
    config->namespace = k8s_read_file(namespace_path, NAMESPACE_BYTES_MAX, NULL, NULL);
    if (config->namespace == NULL || *g_strstrip(config->namespace) == '\0') {
        g_free(config->namespace);
        config->namespace = g_strdup("default");
    }
    config->origin = g_strdup("the service account of this pod");
    return g_steal_pointer(&config);
}

static bool
is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static K8sConfig *
load_any(const K8sConfigOptions *options, GError **error)
{
    KubeconfigOptions files = {.context = options->context, .exec_allowed = options->exec_allowed};
    if (is_set(options->server))
        return config_of_url(options->server, error);
    if (is_set(options->kubeconfig)) {
        const char *const paths[] = {options->kubeconfig, NULL};
        return kubeconfig_load(paths, &files, error);
    }
    if (is_set(g_getenv("KUBECONFIG"))) {
        g_auto(GStrv) paths = g_strsplit(g_getenv("KUBECONFIG"), G_SEARCHPATH_SEPARATOR_S, -1);
        files.is_list = true;
        return kubeconfig_load((const char *const *)paths, &files, error);
    }
    if (is_set(g_getenv("KUBERNETES_SERVICE_HOST"))) {
        const char *dir = options->service_account_dir;
        return config_in_cluster(dir != NULL ? dir : K8S_SERVICE_ACCOUNT_DIR, error);
    }
    g_autofree char *home = g_build_filename(g_get_home_dir(), ".kube", "config", NULL);
    const char *const paths[] = {home, NULL};
    return kubeconfig_load(paths, &files, error);
}

K8sConfig *
k8s_config_load(const K8sConfigOptions *options, GError **error)
{
    K8sConfig *config = load_any(options, error);
    for (size_t end = config != NULL ? strlen(config->server) : 0;
         end > 0 && config->server[end - 1] == '/'; end--)
        config->server[end - 1] = '\0';
    return config;
}
