/* Where a cluster is read from, and as of when: what verbs that look at one have in common. */
#pragma once
#include "analyzers/checks/check.h"
#include "analyzers/verb.h"
#include "lib/k8s/client.h"

typedef struct {
    char *input, *kubeconfig, *context, *server, *now, *cluster, *silences, *managed_groups,
        *log_signatures;
    bool exec_allowed, secrets, tls_secrets;
    int64_t tier;
} InputOptions;

#define INPUT_ROW(name, type, default_text, argument, help, place)                                 \
    {                                                                                              \
        name, type, default_text, 0, 0, argument, help, place                                      \
    }
/* Rows of an option table for an InputOptions that is member `field` of `type`. */
#define INPUT_OPTION_ROWS(type, field)                                                             \
    INPUT_ROW("input", OPTION_STRING, "", "DIR",                                                   \
              "Folder of recorded lists or of dumps (kubectl get -o json or yaml), or one such "   \
              "file, instead of a cluster.",                                                       \
              offsetof(type, field.input)),                                                        \
        INPUT_ROW(                                                                                 \
            "kubeconfig", OPTION_STRING, "", "FILE",                                               \
            "How to reach the cluster; none: KUBECONFIG, the cluster around, or ~/.kube/config.",  \
            offsetof(type, field.kubeconfig)),                                                     \
        INPUT_ROW("context", OPTION_STRING, "", "NAME",                                            \
                  "Context of the kubeconfig instead of its current one.",                         \
                  offsetof(type, field.context)),                                                  \
        INPUT_ROW(                                                                                 \
            "server", OPTION_STRING, "", "URL",                                                    \
            "Plain URL of an API server, as that of kubectl proxy, instead of a kubeconfig.",      \
            offsetof(type, field.server)),                                                         \
        INPUT_ROW("kubeconfig-exec", OPTION_BOOL, "false", NULL,                                   \
                  "Run the programs that a kubeconfig names for credentials.",                     \
                  offsetof(type, field.exec_allowed)),                                             \
        INPUT_ROW("secrets", OPTION_BOOL, "false", NULL,                                           \
                  "List the names of Secrets too, without their content.",                         \
                  offsetof(type, field.secrets)),                                                  \
        INPUT_ROW("tls-secrets", OPTION_BOOL, "false", NULL,                                       \
                  "Read Secrets of type kubernetes.io/tls with their content, to check their "     \
                  "certificates and keys.",                                                        \
                  offsetof(type, field.tls_secrets)),                                              \
        INPUT_ROW("managed-groups", OPTION_STRING, "", "GROUPS",                                   \
                  "API groups whose managed resources of Crossplane are looked at, separated by "  \
                  "commas; * for all.",                                                            \
                  offsetof(type, field.managed_groups)),                                           \
        INPUT_ROW("cluster", OPTION_STRING, "", "NAME",                                            \
                  "Name of the cluster, said in every report.", offsetof(type, field.cluster)),    \
        INPUT_ROW("silences", OPTION_STRING, "", "FILE",                                           \
                  "YAML file of findings that nobody wants to hear of (docs/notifications.md).",   \
                  offsetof(type, field.silences)),                                                 \
        INPUT_ROW("log-signatures", OPTION_STRING, "", "FILE",                                     \
                  "YAML file that says what lines of logs mean (docs/evidence.md).",               \
                  offsetof(type, field.log_signatures)),                                           \
        INPUT_ROW("now", OPTION_STRING, "", "TIME",                                                \
                  "Time to take for the present one (RFC 3339), as for recordings.",               \
                  offsetof(type, field.now)),                                                      \
    {                                                                                              \
        "tier", OPTION_INT, "2", 1, 3, "N",                                                        \
            "Checks up to this tier; 3 has those that give advice.", offsetof(type, field.tier)    \
    }

/* Fills what the checks want to know; INVALID_ARGUMENT, or the errors of silences_load and
 * log_rules_load. Says on stderr which silences have expired. *ret_silences and *ret_log_rules are
 * what ret_check refers to, to be freed; NULL for none. */
bool input_check_options(const InputOptions *options, CheckOptions *ret_check,
                         Silences **ret_silences, LogRules **ret_log_rules, GError **error);
/* Says on stderr which rules of a file have expired (NULL: there are none). */
void input_say_expired(const Silences *silences, int64_t now_s, const char *path);
/* Reads the cluster. *ret_client has to be freed after the snapshot; NULL when it came from files.
 * The errors of folder_read, k8s_config_load and cluster_read. */
bool
input_read(const InputOptions *options, Snapshot *snapshot, K8sClient **ret_client, GError **error);
