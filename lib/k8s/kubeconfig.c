#include "lib/k8s/kubeconfig.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/k8s/config_field.h"

enum { NAMES_SHOWN_MAX = 10 };

/* A file and where its lists are; NULL: there is none. */
typedef struct {
    ConfigFile file;
    const YamlNode *clusters, *contexts, *users;
    char *current_context;
} Kubeconfig;

/* --- files and their named entries ------------------------------------------------------------ */

static void
kubeconfig_clear(Kubeconfig *kubeconfig)
{
    yaml_tree_free(kubeconfig->file.tree);
    g_free(kubeconfig->file.path);
    g_free(kubeconfig->file.folder);
    g_free(kubeconfig->current_context);
}

/* Takes the tree, which may be NULL with *error set. */
static bool
add_file(GArray *files, YamlTree *tree, const char *path, GError **error)
{
    static const Field fields[] = {
        {"clusters", FIELD_NODE, offsetof(Kubeconfig, clusters), NULL},
        {"contexts", FIELD_NODE, offsetof(Kubeconfig, contexts), NULL},
        {"users", FIELD_NODE, offsetof(Kubeconfig, users), NULL},
        {"current-context", FIELD_TEXT, offsetof(Kubeconfig, current_context), NULL},
    };
    if (tree == NULL)
        return false;
    char *absolute = g_canonicalize_filename(path, NULL);
    Kubeconfig kubeconfig = {.file = {tree, absolute, g_path_get_dirname(absolute)}};
    bool is_read = fields_read(&kubeconfig.file, yaml_tree_root(tree), "a kubeconfig", fields,
                               G_N_ELEMENTS(fields), &kubeconfig, error);
    g_array_append_val(files, kubeconfig);
    return is_read;
}

/* One entry of a list: {name, BODY}. */
typedef struct {
    char *name;
    const YamlNode *body;
} Entry;

typedef struct {
    const ConfigFile *file;
    const char *what, *name; /* "cluster"; NULL: any */
    const YamlNode *body;    /* of the entry that is found */
    bool found;
    GPtrArray *names; /* of char *; those that there are */
} Search;

static bool
match_entry(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    (void)tree;
    Search *search = data;
    const Field fields[] = {
        {"name", FIELD_TEXT, offsetof(Entry, name), NULL},
        {search->what, FIELD_NODE, offsetof(Entry, body), NULL},
    };
    Entry entry = {0};
    bool is_read =
        fields_read(search->file, item, search->what, fields, G_N_ELEMENTS(fields), &entry, error);
    if (is_read && entry.name != NULL && search->names->len < NAMES_SHOWN_MAX)
        g_ptr_array_add(search->names, g_strdup(entry.name));
    if (is_read && !search->found && g_strcmp0(entry.name, search->name) == 0) {
        search->found = true;
        search->body = entry.body;
    }
    g_free(entry.name);
    return is_read;
}

/* The entry of a name in the first file that has it: its file and body (NULL when it is empty). */
static const ConfigFile *
find_entry(GArray *files, const char *what, size_t list_offset, const char *name,
           const YamlNode **ret_body, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < files->len; i++) {
        const Kubeconfig *kubeconfig = &g_array_index(files, Kubeconfig, i);
        const ConfigFile *file = &kubeconfig->file;
        const YamlNode *list = G_STRUCT_MEMBER(const YamlNode *, kubeconfig, list_offset);
        Search search = {.file = file, .what = what, .name = name, .names = names};
        if (list != NULL && !yaml_each_item(file->tree, list, what, match_entry, &search, error))
            return NULL;
        *ret_body = search.body;
        if (search.found)
            return file;
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *known = g_strjoinv(", ", (GStrv)names->pdata);
    error_set(error, CRESSET_ERROR_NOT_FOUND, "%s%s: there is no %s '%s'; there is %s",
              g_array_index(files, Kubeconfig, 0).file.path,
              files->len > 1 ? " and the files behind it" : "", what, name,
              *known != '\0' ? known : "none");
    return NULL;
}

/* --- what a context names --------------------------------------------------------------------- */

static bool
check_proxy(const ConfigFile *file, const YamlNode *node, K8sConfig *config, GError **error)
{
    if (config->proxy_url == NULL)
        return true;
    static const char socks[] = "socks5://";
    if (g_str_has_prefix(config->proxy_url, socks)) {
        /* Names are resolved by the proxy, as kubectl has it. */
        char *url = g_strconcat("socks5h://", config->proxy_url + strlen(socks), NULL);
        g_free(config->proxy_url);
        config->proxy_url = url;
    }
    static const char *const known[] = {"http://", "https://", "socks5h://"};
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (g_str_has_prefix(config->proxy_url, known[i]))
            return true;
    return yaml_fail(file->tree, node, error,
                     "proxy-url must be a URL of the scheme http, https, socks5 or socks5h");
}

static bool
read_cluster(GArray *files, const char *name, K8sConfig *config, GError **error)
{
    static const Field fields[] = {
        {"server", FIELD_TEXT, offsetof(K8sConfig, server), NULL},
        {"certificate-authority-data", FIELD_BASE64, offsetof(K8sConfig, ca_pem), NULL},
        {"insecure-skip-tls-verify", FIELD_BOOL, offsetof(K8sConfig, tls_unchecked), NULL},
        {"tls-server-name", FIELD_TEXT, offsetof(K8sConfig, tls_server_name), NULL},
        {"proxy-url", FIELD_TEXT, offsetof(K8sConfig, proxy_url), NULL},
        {"disable-compression", FIELD_BOOL, offsetof(K8sConfig, uncompressed), NULL},
    };
    static const Field ca_fields[] = {
        /* of clusters without certificate-authority-data */
        {"certificate-authority", FIELD_FILE, offsetof(K8sConfig, ca_pem), NULL},
        {"certificate-authority", FIELD_PATH, offsetof(K8sConfig, ca_file), NULL},
    };
    const YamlNode *body = NULL;
    const ConfigFile *file =
        find_entry(files, "cluster", offsetof(Kubeconfig, clusters), name, &body, error);
    if (file == NULL ||
        !fields_read(file, body, "cluster", fields, G_N_ELEMENTS(fields), config, error) ||
        (config->ca_pem == NULL &&
         !fields_read(file, body, "cluster", ca_fields, G_N_ELEMENTS(ca_fields), config, error)))
        return false;
    if (config->server == NULL)
        return yaml_fail(file->tree, body, error, "cluster '%s' has no server", name);
    if (config->tls_unchecked && config->ca_pem != NULL)
        return yaml_fail(file->tree, body, error,
                         "cluster '%s' has a certificate-authority and insecure-skip-tls-verify; "
                         "take one of them out",
                         name);
    g_autoptr(GError) cause = NULL;
    if (!k8s_server_check(config->server, &cause))
        return yaml_fail(file->tree, body, error, "%s", cause->message);
    return check_proxy(file, body, config, error);
}

typedef struct {
    char *name, *value;
} Variable;

typedef struct {
    const ConfigFile *file;
    GPtrArray *lines;
} VariableList;

static bool
add_variable(YamlTree *tree, const YamlNode *item, void *data, GError **error)
{
    static const Field fields[] = {
        {"name", FIELD_TEXT, offsetof(Variable, name), NULL},
        {"value", FIELD_TEXT, offsetof(Variable, value), NULL},
    };
    VariableList *list = data;
    Variable variable = {0};
    bool is_read =
        fields_read(list->file, item, "env", fields, G_N_ELEMENTS(fields), &variable, error);
    if (is_read && (variable.name == NULL || strchr(variable.name, '=') != NULL))
        is_read = yaml_fail(tree, item, error, "env needs a name without '='");
    if (is_read)
        g_ptr_array_add(
            list->lines,
            g_strconcat(variable.name, "=", variable.value != NULL ? variable.value : "", NULL));
    g_free(variable.name);
    g_free(variable.value);
    return is_read;
}

static bool
check_exec(const ConfigFile *file, const YamlNode *node, const ExecPlugin *plugin, bool allowed,
           GError **error)
{
    if (plugin->command == NULL)
        return yaml_fail(file->tree, node, error, "exec has no command");
    if (g_strcmp0(plugin->api_version, "client.authentication.k8s.io/v1") != 0 &&
        g_strcmp0(plugin->api_version, "client.authentication.k8s.io/v1beta1") != 0)
        return yaml_fail(file->tree, node, error,
                         "apiVersion of exec must be client.authentication.k8s.io/v1 or v1beta1");
    if (g_strcmp0(plugin->interactive_mode, "Always") == 0)
        return yaml_fail(file->tree, node, error,
                         "interactiveMode of exec is Always, and there is nobody to ask");
    if (!allowed)
        return yaml_fail(file->tree, node, error,
                         "the user logs in by running '%s', which is not allowed; allow it with "
                         "--kubeconfig-exec, or use a token",
                         plugin->command);
    return true;
}

static bool
read_exec(const ConfigFile *file, const YamlNode *node, bool allowed, ExecPlugin **ret_plugin,
          GError **error)
{
    typedef struct {
        ExecPlugin plugin;
        const YamlNode *environment;
    } Body;
    static const Field fields[] = {
        {"apiVersion", FIELD_TEXT, offsetof(Body, plugin.api_version), NULL},
        {"command", FIELD_TEXT, offsetof(Body, plugin.command), NULL},
        {"args", FIELD_TEXTS, offsetof(Body, plugin.args), NULL},
        {"env", FIELD_NODE, offsetof(Body, environment), NULL},
        {"interactiveMode", FIELD_TEXT, offsetof(Body, plugin.interactive_mode), NULL},
        {"provideClusterInfo", FIELD_BOOL, offsetof(Body, plugin.provide_cluster_info), NULL},
        {"installHint", FIELD_TEXT, offsetof(Body, plugin.install_hint), NULL},
    };
    g_autofree Body *body = g_new0(Body, 1);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    VariableList list = {file, lines};
    bool is_read = fields_read(file, node, "exec", fields, G_N_ELEMENTS(fields), body, error) &&
                   (body->environment == NULL || yaml_each_item(file->tree, body->environment,
                                                                "env", add_variable, &list, error));
    g_autoptr(ExecPlugin) plugin = g_memdup2(&body->plugin, sizeof body->plugin);
    if (!is_read || !check_exec(file, node, plugin, allowed, error))
        return false;
    g_ptr_array_add(lines, NULL);
    plugin->environment = (GStrv)g_ptr_array_steal(lines, NULL);
    /* A bare name is looked up in PATH; one with a slash lies beside the file. */
    if (strchr(plugin->command, '/') != NULL) {
        char *command = config_file_path(file, plugin->command);
        g_free(plugin->command);
        plugin->command = command;
    }
    *ret_plugin = g_steal_pointer(&plugin);
    return true;
}

static bool
check_user(const ConfigFile *file, const YamlNode *node, const char *name, const K8sConfig *config,
           GError **error)
{
    if ((config->certificate_pem == NULL) != (config->key_pem == NULL))
        return yaml_fail(file->tree, node, error,
                         "user '%s' needs both client-certificate and client-key, or none", name);
    if (config->username != NULL && (config->token != NULL || config->token_file != NULL))
        return yaml_fail(file->tree, node, error,
                         "user '%s' has both a token and a username; take one of them out", name);
    if (config->token != NULL && !k8s_token_check(config->token))
        return yaml_fail(file->tree, node, error,
                         "token of user '%s' has spaces or characters beyond ASCII", name);
    return true;
}

static bool
read_user(GArray *files, const char *name, bool exec_allowed, K8sConfig *config, GError **error)
{
    typedef struct {
        K8sConfig *config;
        const YamlNode *exec;
    } Body;
    static const char use_exec[] = "Kubernetes removed it; use exec or a token";
    static const char no_impersonation[] = "use a user that has the rights itself";
    static const Field fields[] = {
        {"auth-provider", FIELD_REFUSED, 0, use_exec},
        {"as", FIELD_REFUSED, 0, no_impersonation},
        {"as-uid", FIELD_REFUSED, 0, no_impersonation},
        {"as-groups", FIELD_REFUSED, 0, no_impersonation},
        {"as-user-extra", FIELD_REFUSED, 0, no_impersonation},
        {"client-certificate-data", FIELD_BASE64, offsetof(K8sConfig, certificate_pem), NULL},
        {"client-certificate", FIELD_FILE, offsetof(K8sConfig, certificate_pem), NULL},
        {"client-key-data", FIELD_BASE64, offsetof(K8sConfig, key_pem), NULL},
        {"client-key", FIELD_FILE, offsetof(K8sConfig, key_pem), NULL},
        {"tokenFile", FIELD_PATH, offsetof(K8sConfig, token_file), NULL},
        {"token", FIELD_TEXT, offsetof(K8sConfig, token), NULL},
        {"username", FIELD_TEXT, offsetof(K8sConfig, username), NULL},
        {"password", FIELD_TEXT, offsetof(K8sConfig, password), NULL},
    };
    static const Field exec_fields[] = {{"exec", FIELD_NODE, offsetof(Body, exec), NULL}};
    const YamlNode *node = NULL;
    const ConfigFile *file =
        find_entry(files, "user", offsetof(Kubeconfig, users), name, &node, error);
    Body body = {config, NULL};
    if (file == NULL ||
        !fields_read(file, node, "user", fields, G_N_ELEMENTS(fields), config, error) ||
        !fields_read(file, node, "user", exec_fields, 1, &body, error))
        return false;
    if (body.exec != NULL && !read_exec(file, body.exec, exec_allowed, &config->exec, error))
        return false;
    return check_user(file, node, name, config, error);
}

typedef struct {
    char *cluster, *user, *namespace;
} Context;

static void
context_clear(Context *context)
{
    g_free(context->cluster);
    g_free(context->user);
    g_free(context->namespace);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Context, context_clear)

/* The name of the context to use, or NULL with *error. */
static const char *
context_name(GArray *files, const char *asked, GError **error)
{
    if (asked != NULL && *asked != '\0')
        return asked;
    for (guint i = 0; i < files->len; i++)
        if (g_array_index(files, Kubeconfig, i).current_context != NULL)
            return g_array_index(files, Kubeconfig, i).current_context;
    error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
              "%s: there is no current-context; name a context",
              g_array_index(files, Kubeconfig, 0).file.path);
    return NULL;
}

static K8sConfig *
config_of_files(GArray *files, const KubeconfigOptions *options, GError **error)
{
    static const Field fields[] = {
        {"cluster", FIELD_TEXT, offsetof(Context, cluster), NULL},
        {"user", FIELD_TEXT, offsetof(Context, user), NULL},
        {"namespace", FIELD_TEXT, offsetof(Context, namespace), NULL},
    };
    const char *name = context_name(files, options->context, error);
    const YamlNode *node = NULL;
    const ConfigFile *file =
        name != NULL
            ? find_entry(files, "context", offsetof(Kubeconfig, contexts), name, &node, error)
            : NULL;
    g_auto(Context) context = {0};
    if (file == NULL ||
        !fields_read(file, node, "context", fields, G_N_ELEMENTS(fields), &context, error))
        return NULL;
    if (context.cluster == NULL) {
        yaml_fail(file->tree, node, error, "context '%s' names no cluster", name);
        return NULL;
    }
    g_autoptr(K8sConfig) config = g_new0(K8sConfig, 1);
    config->origin = g_strdup_printf("context '%s' of %s", name, file->path);
    config->namespace = g_strdup(context.namespace != NULL ? context.namespace : "default");
    if (!read_cluster(files, context.cluster, config, error) ||
        (context.user != NULL &&
         !read_user(files, context.user, options->exec_allowed, config, error)))
        return NULL;
    return g_steal_pointer(&config);
}

static GArray *
files_new(void)
{
    GArray *files = g_array_new(FALSE, TRUE, sizeof(Kubeconfig));
    g_array_set_clear_func(files, (GDestroyNotify)kubeconfig_clear);
    return files;
}

K8sConfig *
kubeconfig_load(const char *const *paths, const KubeconfigOptions *options, GError **error)
{
    g_autoptr(GArray) files = files_new();
    const char *first = NULL;
    for (; *paths != NULL; paths++) {
        if (**paths == '\0')
            continue;
        first = first != NULL ? first : *paths;
        if (options->is_list && !g_file_test(*paths, G_FILE_TEST_EXISTS))
            continue;
        gsize size;
        g_autofree char *text = k8s_read_file(*paths, YAML_TREE_BYTES_MAX, &size, error);
        YamlTree *tree = text != NULL ? yaml_tree_parse(text, size, *paths, error) : NULL;
        if (!add_file(files, tree, *paths, error))
            return NULL;
    }
    if (files->len > 0)
        return config_of_files(files, options, error);
    error_set(error, CRESSET_ERROR_NOT_FOUND, "none of the files of KUBECONFIG is there: %s",
              first != NULL ? first : "it names none");
    return NULL;
}

K8sConfig *
kubeconfig_parse(const char *text, size_t size, const char *path, const KubeconfigOptions *options,
                 GError **error)
{
    g_autoptr(GArray) files = files_new();
    YamlTree *tree = yaml_tree_parse(text, size, path, error);
    if (!add_file(files, tree, path, error))
        return NULL;
    return config_of_files(files, options, error);
}
