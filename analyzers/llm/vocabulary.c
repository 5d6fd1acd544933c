#include "analyzers/llm/vocabulary.h"

#include <string.h>

#include "analyzers/checks/check.h"

/* Separated by spaces. */
static const char *const words[] = {
    /* namespaces and objects that Kubernetes makes */
    "default kube-system kube-public kube-node-lease kubernetes kube-root-ca.crt kube-dns "
    "coredns kube-proxy kube-apiserver kube-controller-manager kube-scheduler "
    "cloud-controller-manager etcd kubelet cluster-admin admin edit view system kubectl "
    "kube-api-access",
    /* programs that anybody may run, and where their images are */
    "nginx redis postgres postgresql mysql mariadb mongo mongodb kafka zookeeper rabbitmq "
    "elasticsearch opensearch busybox alpine debian ubuntu python golang openjdk httpd "
    "haproxy envoy traefik pause curl prometheus alertmanager grafana loki tempo mimir "
    "alloy fluent-bit fluentd vector cert-manager ingress-nginx metrics-server "
    "kube-state-metrics node-exporter external-dns cluster-autoscaler cilium calico "
    "calico-node flannel istio istio-proxy istiod linkerd linkerd-proxy argocd flux keda "
    "velero rook-ceph longhorn karpenter ollama vllm docker.io docker library quay.io "
    "ghcr.io gcr.io registry.k8s.io k8s.gcr.io mcr.microsoft.com public.ecr.aws containerd "
    "cri-o runc helm kustomize",
    /* values of labels and names of fields */
    "true false none null linux windows amd64 arm64 latest stable name namespace metadata "
    "spec status data labels annotations image images container containers volume volumes "
    "port ports host label path user cluster cloud registry repo tag mac mail bucket "
    "object uid url ip ns http https grpc tcp udp tls dns metrics health cpu memory "
    "storage ephemeral-storage node pod svc local cluster.local app main tmp config server "
    "localhost 127.0.0.1 0.0.0.0 ::1 :: 255.255.255.255 controller api proxy init "
    "istio-init istio-validation",
    /* English that is as short as a name */
    "a an the is in on of to at it no not or and for has was its by be as if are from with "
    "that this but been does can cannot may all one when than so too s h min d m new old "
    "up down first last since because which",
};

/* Ends of the API groups that Kubernetes reserves. */
static const char *const ends[] = {".k8s.io", ".kubernetes.io"};

static void
add_word(GHashTable *set, const char *word)
{
    g_hash_table_add(set, word_fold_text(word, strlen(word)));
}

/* "Order" and "Backup" of somebody's types are also what people call their own things. */
static bool
is_everyday_word(Kind kind)
{
    const char *name = kind_row(kind)->kind;
    return kind_is_custom(kind) &&
           strcspn(name + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") + 1 == strlen(name);
}

static void
add_kind(GHashTable *set, Kind kind)
{
    const KindRow *row = kind_row(kind);
    if (strchr(row->group, '.') != NULL)
        add_word(set, row->group);
    if (is_everyday_word(kind))
        return;
    add_word(set, row->kind);
    add_word(set, row->resource);
}

static gpointer
make_set(gpointer data)
{
    (void)data;
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        g_auto(GStrv) split = g_strsplit(words[i], " ", -1);
        for (size_t k = 0; split[k] != NULL; k++)
            add_word(set, split[k]);
    }
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        add_kind(set, (Kind)kind);
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    for (size_t i = 0; i < n; i++)
        add_word(set, rows[i]->id);
    return set;
}

char
word_fold(char c)
{
    return c == '_' ? '-' : g_ascii_tolower(c);
}

char *
word_fold_text(const char *text, size_t n)
{
    char *folded = g_strndup(text, n);
    for (char *at = folded; *at != '\0'; at++)
        *at = word_fold(*at);
    return folded;
}

bool
vocabulary_has(const char *word, size_t n)
{
    static GOnce once = G_ONCE_INIT;
    GHashTable *set = g_once(&once, make_set, NULL);
    g_autofree char *folded = word_fold_text(word, n);
    if (g_hash_table_contains(set, folded))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        if (g_str_has_suffix(folded, ends[i]))
            return true;
    }
    return false;
}

bool
word_is_number(const char *word, size_t n)
{
    size_t at = n > 0 && (word[0] == 'v' || word[0] == 'V') ? 1 : 0, n_digits = 0, n_letters = 0;
    for (; at < n && (g_ascii_isdigit(word[at]) || word[at] == '.'); at++)
        n_digits += g_ascii_isdigit(word[at]) ? 1 : 0;
    for (; at < n && g_ascii_isalpha(word[at]); at++)
        n_letters++;
    return at == n && n_digits > 0 && n_letters <= 2;
}
