/* How to reach the API server of a cluster and as whom: from the pod that the program runs in, from
 * a kubeconfig, or a plain URL such as that of kubectl proxy. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* Where Kubernetes puts the credentials of a pod's service account
 * (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/). */
#define K8S_SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* A program that prints credentials (client.authentication.k8s.io/v1 and v1beta1). */
typedef struct {
    char *command;     /* looked up in PATH, or absolute */
    GStrv args;        /* without the command; NULL: none */
    GStrv environment; /* "NAME=VALUE" beside our own; NULL: none */
    char *api_version;
    char *interactive_mode;
    bool provide_cluster_info;
    char *install_hint; /* what to do when there is no such program; NULL: nothing known */
} ExecPlugin;

typedef struct {
    char *server;    /* "https://10.0.0.1:6443", without a slash at the end */
    char *namespace; /* of the context or the pod; "default" when none is named */
    char *origin;    /* where this comes from, for people: "context 'dev' of /home/me/config" */
    GBytes *ca_pem;  /* authorities; NULL: those of the system */
    char *ca_file;   /* that these are of, and that may change; NULL: of none */
    char *tls_server_name;
    bool tls_unchecked;
    char *proxy_url;
    bool uncompressed;
    /* Who we are; without any of these: system:anonymous. */
    GBytes *certificate_pem, *key_pem;
    char *token_file; /* before token: it is the one that changes */
    char *token;
    char *username, *password;
    ExecPlugin *exec;
} K8sConfig;

typedef struct {
    const char *server;     /* a plain URL, without credentials; NULL: as follows */
    const char *kubeconfig; /* path; NULL: as follows */
    const char *context;    /* NULL: the current one of the kubeconfig */
    bool exec_allowed;      /* programs named by the kubeconfig may be run: --kubeconfig-exec */
    const char *service_account_dir; /* NULL: K8S_SERVICE_ACCOUNT_DIR */
} K8sConfigOptions;

/* What the options name; else the files of KUBECONFIG; else the cluster around, which is there when
 * KUBERNETES_SERVICE_HOST is; else ~/.kube/config. A context is only looked up in a kubeconfig.
 * NULL with *error, which names the file, line and field and what to do, never a secret:
 * INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION. */
K8sConfig *k8s_config_load(const K8sConfigOptions *options, GError **error);
/* NULL is allowed. */
void k8s_config_free(K8sConfig *config);
void exec_plugin_free(ExecPlugin *plugin);

/* Whether it is a URL of an API server: http or https, a host, no user, query or fragment. */
bool k8s_server_check(const char *url, GError **error);
/* Whether a text can stand in an Authorization header: printable ASCII without spaces. */
bool k8s_token_check(const char *token);
/* The content of a regular file of at most `bytes_max` bytes, or NULL with *error. */
char *k8s_read_file(const char *path, gsize bytes_max, gsize *ret_size, GError **error);
/* That of a file of certificates or a key, of at most 1 MiB, which is not looked into. */
GBytes *k8s_read_pem(const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(K8sConfig, k8s_config_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ExecPlugin, exec_plugin_free)
