/* The kinds of objects that are looked at. */
#pragma once
#include <stdbool.h>

/* X(NAME, kind, API group ("" is core), resource, is namespaced) */
#define KINDS(X)                                                                                   \
    X(POD, "Pod", "", "pods", true)                                                                \
    X(NODE, "Node", "", "nodes", false)                                                            \
    X(NAMESPACE, "Namespace", "", "namespaces", false)                                             \
    X(SERVICE, "Service", "", "services", true)                                                    \
    X(CONFIG_MAP, "ConfigMap", "", "configmaps", true)                                             \
    X(SECRET, "Secret", "", "secrets", true)                                                       \
    X(SERVICE_ACCOUNT, "ServiceAccount", "", "serviceaccounts", true)                              \
    X(PVC, "PersistentVolumeClaim", "", "persistentvolumeclaims", true)                            \
    X(PV, "PersistentVolume", "", "persistentvolumes", false)                                      \
    X(RESOURCE_QUOTA, "ResourceQuota", "", "resourcequotas", true)                                 \
    X(LIMIT_RANGE, "LimitRange", "", "limitranges", true)                                          \
    X(REPLICATION_CONTROLLER, "ReplicationController", "", "replicationcontrollers", true)         \
    X(EVENT, "Event", "", "events", true)                                                          \
    X(ENDPOINT_SLICE, "EndpointSlice", "discovery.k8s.io", "endpointslices", true)                 \
    X(DEPLOYMENT, "Deployment", "apps", "deployments", true)                                       \
    X(REPLICA_SET, "ReplicaSet", "apps", "replicasets", true)                                      \
    X(STATEFUL_SET, "StatefulSet", "apps", "statefulsets", true)                                   \
    X(DAEMON_SET, "DaemonSet", "apps", "daemonsets", true)                                         \
    X(CONTROLLER_REVISION, "ControllerRevision", "apps", "controllerrevisions", true)              \
    X(JOB, "Job", "batch", "jobs", true)                                                           \
    X(CRON_JOB, "CronJob", "batch", "cronjobs", true)                                              \
    X(HPA, "HorizontalPodAutoscaler", "autoscaling", "horizontalpodautoscalers", true)             \
    X(PDB, "PodDisruptionBudget", "policy", "poddisruptionbudgets", true)                          \
    X(INGRESS, "Ingress", "networking.k8s.io", "ingresses", true)                                  \
    X(INGRESS_CLASS, "IngressClass", "networking.k8s.io", "ingressclasses", false)                 \
    X(NETWORK_POLICY, "NetworkPolicy", "networking.k8s.io", "networkpolicies", true)               \
    X(STORAGE_CLASS, "StorageClass", "storage.k8s.io", "storageclasses", false)                    \
    X(CSI_DRIVER, "CSIDriver", "storage.k8s.io", "csidrivers", false)                              \
    X(CSI_NODE, "CSINode", "storage.k8s.io", "csinodes", false)                                    \
    X(VOLUME_ATTACHMENT, "VolumeAttachment", "storage.k8s.io", "volumeattachments", false)         \
    X(VOLUME_SNAPSHOT, "VolumeSnapshot", "snapshot.storage.k8s.io", "volumesnapshots", true)       \
    X(ROLE, "Role", "rbac.authorization.k8s.io", "roles", true)                                    \
    X(ROLE_BINDING, "RoleBinding", "rbac.authorization.k8s.io", "rolebindings", true)              \
    X(CLUSTER_ROLE, "ClusterRole", "rbac.authorization.k8s.io", "clusterroles", false)             \
    X(CLUSTER_ROLE_BINDING, "ClusterRoleBinding", "rbac.authorization.k8s.io",                     \
      "clusterrolebindings", false)                                                                \
    X(VALIDATING_WEBHOOK, "ValidatingWebhookConfiguration", "admissionregistration.k8s.io",        \
      "validatingwebhookconfigurations", false)                                                    \
    X(MUTATING_WEBHOOK, "MutatingWebhookConfiguration", "admissionregistration.k8s.io",            \
      "mutatingwebhookconfigurations", false)                                                      \
    X(VALIDATING_ADMISSION_POLICY, "ValidatingAdmissionPolicy", "admissionregistration.k8s.io",    \
      "validatingadmissionpolicies", false)                                                        \
    X(CRD, "CustomResourceDefinition", "apiextensions.k8s.io", "customresourcedefinitions", false) \
    X(API_SERVICE, "APIService", "apiregistration.k8s.io", "apiservices", false)                   \
    X(LEASE, "Lease", "coordination.k8s.io", "leases", true)                                       \
    X(PRIORITY_CLASS, "PriorityClass", "scheduling.k8s.io", "priorityclasses", false)              \
    X(RUNTIME_CLASS, "RuntimeClass", "node.k8s.io", "runtimeclasses", false)                       \
    X(CSR, "CertificateSigningRequest", "certificates.k8s.io", "certificatesigningrequests",       \
      false)                                                                                       \
    X(RESOURCE_CLAIM, "ResourceClaim", "resource.k8s.io", "resourceclaims", true)                  \
    X(GATEWAY_CLASS, "GatewayClass", "gateway.networking.k8s.io", "gatewayclasses", false)         \
    X(GATEWAY, "Gateway", "gateway.networking.k8s.io", "gateways", true)                           \
    X(HTTP_ROUTE, "HTTPRoute", "gateway.networking.k8s.io", "httproutes", true)                    \
    X(GRPC_ROUTE, "GRPCRoute", "gateway.networking.k8s.io", "grpcroutes", true)                    \
    X(TCP_ROUTE, "TCPRoute", "gateway.networking.k8s.io", "tcproutes", true)                       \
    X(TLS_ROUTE, "TLSRoute", "gateway.networking.k8s.io", "tlsroutes", true)                       \
    X(REFERENCE_GRANT, "ReferenceGrant", "gateway.networking.k8s.io", "referencegrants", true)     \
    X(BACKEND_TLS_POLICY, "BackendTLSPolicy", "gateway.networking.k8s.io", "backendtlspolicies",   \
      true)                                                                                        \
    X(CERTIFICATE, "Certificate", "cert-manager.io", "certificates", true)                         \
    X(ISSUER, "Issuer", "cert-manager.io", "issuers", true)                                        \
    X(CLUSTER_ISSUER, "ClusterIssuer", "cert-manager.io", "clusterissuers", false)                 \
    X(CERTIFICATE_REQUEST, "CertificateRequest", "cert-manager.io", "certificaterequests", true)   \
    X(ORDER, "Order", "acme.cert-manager.io", "orders", true)                                      \
    X(CHALLENGE, "Challenge", "acme.cert-manager.io", "challenges", true)                          \
    X(ARGO_APPLICATION, "Application", "argoproj.io", "applications", true)                        \
    X(ARGO_ROLLOUT, "Rollout", "argoproj.io", "rollouts", true)                                    \
    X(FLUX_KUSTOMIZATION, "Kustomization", "kustomize.toolkit.fluxcd.io", "kustomizations", true)  \
    X(FLUX_HELM_RELEASE, "HelmRelease", "helm.toolkit.fluxcd.io", "helmreleases", true)            \
    X(FLUX_GIT_REPOSITORY, "GitRepository", "source.toolkit.fluxcd.io", "gitrepositories", true)   \
    X(FLUX_HELM_REPOSITORY, "HelmRepository", "source.toolkit.fluxcd.io", "helmrepositories",      \
      true)                                                                                        \
    X(FLUX_OCI_REPOSITORY, "OCIRepository", "source.toolkit.fluxcd.io", "ocirepositories", true)   \
    X(CEPH_CLUSTER, "CephCluster", "ceph.rook.io", "cephclusters", true)                           \
    X(CEPH_BLOCK_POOL, "CephBlockPool", "ceph.rook.io", "cephblockpools", true)                    \
    X(CEPH_FILESYSTEM, "CephFilesystem", "ceph.rook.io", "cephfilesystems", true)                  \
    X(CEPH_OBJECT_STORE, "CephObjectStore", "ceph.rook.io", "cephobjectstores", true)              \
    X(SCALED_OBJECT, "ScaledObject", "keda.sh", "scaledobjects", true)                             \
    X(VPA, "VerticalPodAutoscaler", "autoscaling.k8s.io", "verticalpodautoscalers", true)          \
    X(EXTERNAL_SECRET, "ExternalSecret", "external-secrets.io", "externalsecrets", true)           \
    X(SECRET_STORE, "SecretStore", "external-secrets.io", "secretstores", true)                    \
    X(SEALED_SECRET, "SealedSecret", "bitnami.com", "sealedsecrets", true)                         \
    X(VELERO_BACKUP, "Backup", "velero.io", "backups", true)                                       \
    X(VELERO_LOCATION, "BackupStorageLocation", "velero.io", "backupstoragelocations", true)       \
    X(SERVICE_MONITOR, "ServiceMonitor", "monitoring.coreos.com", "servicemonitors", true)         \
    X(POD_MONITOR, "PodMonitor", "monitoring.coreos.com", "podmonitors", true)                     \
    X(CLUSTER_SECRET_STORE, "ClusterSecretStore", "external-secrets.io", "clustersecretstores",    \
      false)                                                                                       \
    X(VELERO_SCHEDULE, "Schedule", "velero.io", "schedules", true)                                 \
    X(FLUX_BUCKET, "Bucket", "source.toolkit.fluxcd.io", "buckets", true)                          \
    X(FLUX_HELM_CHART, "HelmChart", "source.toolkit.fluxcd.io", "helmcharts", true)                \
    X(ARGO_APPLICATION_SET, "ApplicationSet", "argoproj.io", "applicationsets", true)              \
    X(SCALED_JOB, "ScaledJob", "keda.sh", "scaledjobs", true)                                      \
    X(KARPENTER_NODE_POOL, "NodePool", "karpenter.sh", "nodepools", false)                         \
    X(KARPENTER_NODE_CLAIM, "NodeClaim", "karpenter.sh", "nodeclaims", false)                      \
    X(CAPI_CLUSTER, "Cluster", "cluster.x-k8s.io", "clusters", true)                               \
    X(CAPI_MACHINE, "Machine", "cluster.x-k8s.io", "machines", true)                               \
    X(CNPG_CLUSTER, "Cluster", "postgresql.cnpg.io", "clusters", true)                             \
    X(ZALANDO_POSTGRESQL, "postgresql", "acid.zalan.do", "postgresqls", true)                      \
    X(STRIMZI_KAFKA, "Kafka", "kafka.strimzi.io", "kafkas", true)                                  \
    X(KNATIVE_SERVICE, "Service", "serving.knative.dev", "services", true)                         \
    X(KYVERNO_CLUSTER_POLICY, "ClusterPolicy", "kyverno.io", "clusterpolicies", false)             \
    X(KYVERNO_POLICY, "Policy", "kyverno.io", "policies", true)                                    \
    X(LONGHORN_VOLUME, "Volume", "longhorn.io", "volumes", true)                                   \
    X(PROMETHEUS, "Prometheus", "monitoring.coreos.com", "prometheuses", true)                     \
    X(ALERTMANAGER, "Alertmanager", "monitoring.coreos.com", "alertmanagers", true)                \
    X(VIRTUAL_SERVICE, "VirtualService", "networking.istio.io", "virtualservices", true)           \
    X(DESTINATION_RULE, "DestinationRule", "networking.istio.io", "destinationrules", true)        \
    X(OLM_CSV, "ClusterServiceVersion", "operators.coreos.com", "clusterserviceversions", true)    \
    X(OLM_SUBSCRIPTION, "Subscription", "operators.coreos.com", "subscriptions", true)             \
    X(OLM_INSTALL_PLAN, "InstallPlan", "operators.coreos.com", "installplans", true)               \
    X(OLM_CATALOG, "CatalogSource", "operators.coreos.com", "catalogsources", true)                \
    X(METALLB_POOL, "IPAddressPool", "metallb.io", "ipaddresspools", true)                         \
    X(CILIUM_POLICY, "CiliumNetworkPolicy", "cilium.io", "ciliumnetworkpolicies", true)            \
    X(CILIUM_CLUSTER_POLICY, "CiliumClusterwideNetworkPolicy", "cilium.io",                        \
      "ciliumclusterwidenetworkpolicies", false)                                                   \
    X(ARGO_WORKFLOW, "Workflow", "argoproj.io", "workflows", true)                                 \
    X(SERVICE_ENTRY, "ServiceEntry", "networking.istio.io", "serviceentries", true)                \
    X(MANAGED, "ManagedResource", "crossplane.io", "managed", true) /* of any type */              \
    X(TLS_SECRET, "Secret", "", "secrets", true) /* of type kubernetes.io/tls, with its content */ \
    X(POLICY_REPORT, "PolicyReport", "wgpolicyk8s.io", "policyreports", true)                      \
    X(CLUSTER_POLICY_REPORT, "ClusterPolicyReport", "wgpolicyk8s.io", "clusterpolicyreports", false)

typedef enum {
    KIND_NONE, /* of no object: in reports a back end, as that of metrics */
#define KIND_ENUM(name, kind, group, resource, namespaced) KIND_##name,
    KINDS(KIND_ENUM)
#undef KIND_ENUM
        KIND_COUNT
} Kind;

typedef struct {
    const char *kind, *group, *resource;
    bool is_namespaced;
} KindRow;

const KindRow *kind_row(Kind kind);
/* Whether the kind is there only when a CustomResourceDefinition says so. */
bool kind_is_custom(Kind kind);
/* KIND_NONE when it is none of them. `group` is that of an apiVersion ("apps" of "apps/v1"). */
Kind kind_of(const char *group, const char *kind);
Kind kind_of_resource(const char *group, const char *resource);
/* The group of an apiVersion: "" for "v1"; free with g_free. */
char *kind_group(const char *api_version);
