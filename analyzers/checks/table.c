#include "analyzers/checks/table.h"

/* In the order of their stages, as far as that goes. */
static const CheckTopic *const topics[] = {
    /* clang-format off */
    &check_topic_backend_state,
    &check_topic_partial_scan,
    &check_topic_own_run,
    &check_topic_api_server,
    &check_topic_node,
    &check_topic_node_state,
    &check_topic_kube_proxy,
    &check_topic_cloud_controller,
    &check_topic_metallb,
    &check_topic_webhook,
    &check_topic_storage_class,
    &check_topic_volume,
    &check_topic_attachment,
    &check_topic_lease,
    &check_topic_definition,
    &check_topic_denial,
    &check_topic_immutable,
    &check_topic_claim,
    &check_topic_claim_state,
    &check_topic_claim_wait,
    &check_topic_scheduling,
    &check_topic_reference,
    &check_topic_image,
    &check_topic_pod_setting,
    &check_topic_start,
    &check_topic_stall,
    &check_topic_ended_pod,
    &check_topic_pod_state,
    &check_topic_memory_limit,
    &check_topic_crash,
    &check_topic_probe,
    &check_topic_readiness,
    &check_topic_deployment,
    &check_topic_statefulset,
    &check_topic_daemonset,
    &check_topic_churn,
    &check_topic_job,
    &check_topic_cronjob,
    &check_topic_creation,
    &check_topic_quota,
    &check_topic_autoscaler,
    &check_topic_budget,
    &check_topic_namespace,
    &check_topic_alloy,
    &check_topic_heartbeat,
    &check_topic_alloy_metric,
    &check_topic_metric_source,
    &check_topic_node_silence,
    &check_topic_copies,
    &check_topic_rights,
    &check_topic_operator,
    &check_topic_size,
    &check_topic_controller,
    &check_topic_service,
    &check_topic_service_port,
    &check_topic_ingress,
    &check_topic_ingress_backend,
    &check_topic_ingress_tls,
    &check_topic_tls_secret,
    &check_topic_policy_selector,
    &check_topic_policy_dns,
    &check_topic_policy_caller,
    &check_topic_policy_service,
    &check_topic_policy_agent,
    &check_topic_policy_rule,
    &check_topic_policy_range,
    &check_topic_policy_peer,
    &check_topic_service_kind,
    &check_topic_service_internal,
    &check_topic_dns,
    &check_topic_gateway,
    &check_topic_route,
    &check_topic_certificate,
    &check_topic_argo,
    &check_topic_workflow,
    &check_topic_flux,
    &check_topic_ceph,
    &check_topic_velero,
    &check_topic_custom,
    &check_topic_control_plane_metric,
    &check_topic_node_metric,
    &check_topic_claim_metric,
    &check_topic_memory_volume,
    &check_topic_container_metric,
    &check_topic_traffic_metric,
    &check_topic_autoscaler_metric,
    &check_topic_helm,
    &check_topic_olm,
    &check_topic_mesh,
    &check_topic_node_version,
    &check_topic_capacity,
    &check_topic_monitor,
    &check_topic_named_service,
    &check_topic_event_storm,
    &check_topic_log_rate,
    &check_topic_onset,
    &check_topic_policy_report,
    &check_topic_naked_pod,
    /* Adds to what was found. */
    &check_topic_log_cause,
    /* Those that speak only when no other one does. */
    &check_topic_preparation,
    &check_topic_unready,
    &check_topic_template,
    /* clang-format on */
};

static gpointer
collect_rows(gpointer data)
{
    (void)data;
    GPtrArray *rows = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(topics); i++) {
        for (size_t k = 0; k < topics[i]->n; k++)
            g_ptr_array_add(rows, (gpointer)(uintptr_t)&topics[i]->rows[k]);
    }
    return rows;
}

const CheckRow *const *
check_rows(size_t *ret_n)
{
    static GOnce once = G_ONCE_INIT;
    const GPtrArray *rows = g_once(&once, collect_rows, NULL);
    *ret_n = rows->len;
    return (const CheckRow *const *)rows->pdata;
}
