#include "analyzers/input.h"

#include <stdio.h>

#include "analyzers/collect/cluster.h"
#include "analyzers/collect/folder.h"
#include "lib/base/error.h"

void
input_say_expired(const Silences *silences, int64_t now_s, const char *path)
{
    g_autoptr(GPtrArray) expired = silences_expired(silences, now_s);
    for (guint i = 0; i < expired->len; i++)
        (void)fprintf(stderr, "cresset-analyzer: %s: %s\n", path, (char *)expired->pdata[i]);
}

/* Puts the option before an error; false. */
static bool
prefix(GError **error, const char *option)
{
    g_prefix_error_literal(error, option);
    return false;
}

/* NULL without an error: there are none. */
static bool
read_silences(const char *path, int64_t now_s, Silences **ret_silences, GError **error)
{
    *ret_silences = NULL;
    if (path[0] == '\0')
        return true;
    *ret_silences = silences_load(path, error);
    if (*ret_silences == NULL)
        return prefix(error, "--silences: ");
    input_say_expired(*ret_silences, now_s, path);
    return true;
}

bool
input_check_options(const InputOptions *options, CheckOptions *ret_check, Silences **ret_silences,
                    LogRules **ret_log_rules, GError **error)
{
    *ret_silences = NULL;
    *ret_log_rules = NULL;
    *ret_check = (CheckOptions){.tier = (int)options->tier,
                                .cluster = options->cluster,
                                .now_s = g_get_real_time() / G_USEC_PER_SEC};
    if (options->now[0] != '\0' && (ret_check->now_s = time_parse(options->now)) == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--now '%s' is not a time like 2026-01-31T12:00:00Z", options->now);
    if (!read_silences(options->silences, ret_check->now_s, ret_silences, error))
        return false;
    ret_check->silences = *ret_silences;
    if (options->log_signatures[0] != '\0' &&
        (*ret_log_rules = log_rules_load(options->log_signatures, error)) == NULL)
        return prefix(error, "--log-signatures: ");
    ret_check->log_rules = *ret_log_rules;
    return true;
}

static const char *
given(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

bool
input_read(const InputOptions *options, Snapshot *snapshot, K8sClient **ret_client, GError **error)
{
    *ret_client = NULL;
    if (options->input[0] != '\0')
        return folder_read(snapshot, options->input, error) || prefix(error, "--input ");
    const K8sConfigOptions how = {.server = given(options->server),
                                  .kubeconfig = given(options->kubeconfig),
                                  .context = given(options->context),
                                  .exec_allowed = options->exec_allowed};
    const ClusterOptions cluster = {.with_secrets = options->secrets,
                                    .with_tls_secrets = options->tls_secrets,
                                    .managed_groups = options->managed_groups,
                                    .with_reports = options->tier > TIER_DEFAULT};
    K8sConfig *config = k8s_config_load(&how, error);
    if (config == NULL)
        return prefix(error, options->kubeconfig[0] != '\0' ? "--kubeconfig: "
                             : options->server[0] != '\0'
                                 ? "--server: "
                                 : "no cluster; --kubeconfig, --server or --input name one: ");
    *ret_client = k8s_client_new(config, "analyzer");
    return cluster_read(snapshot, *ret_client, &cluster, error);
}
