/* Kubeconfig files (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-
 * kubeconfig/), written as YAML or as JSON. One reader serves both: what kubectl writes as JSON is
 * YAML as well. Of several files the first one that has an entry of a name, or a current context,
 * decides. Paths in a file are relative to the file. Fields that we do not know are skipped; those
 * that change who we are and that we cannot do (auth-provider, as) are errors. */
#pragma once
#include "lib/k8s/config.h"

typedef struct {
    const char *context; /* NULL: the current one */
    bool exec_allowed;
    bool is_list; /* files that are not there are skipped; at least one must be */
} KubeconfigOptions;

/* `paths` ends with NULL; empty ones are skipped. NULL with *error. */
K8sConfig *
kubeconfig_load(const char *const *paths, const KubeconfigOptions *options, GError **error);
/* The same of one text in memory, called `path` in errors and lying in its folder. */
K8sConfig *kubeconfig_parse(const char *text, size_t size, const char *path,
                            const KubeconfigOptions *options, GError **error);
