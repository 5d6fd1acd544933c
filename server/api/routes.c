/* Every path of the server in one table. */
#include "server/api/adhoc.h"
#include "server/api/capabilities.h"
#include "server/api/configuration.h"
#include "server/api/debuginfo.h"
#include "server/api/diff.h"
#include "server/api/export.h"
#include "server/api/findings.h"
#include "server/api/findings_state.h"
#include "server/api/flamegraph.h"
#include "server/api/functions.h"
#include "server/api/health.h"
#include "server/api/label_list.h"
#include "server/api/legacy_ingest.h"
#include "server/api/metadata.h"
#include "server/api/operations.h"
#include "server/api/otlp.h"
#include "server/api/push.h"
#include "server/api/recording_rules.h"
#include "server/api/render.h"
#include "server/api/render_diff.h"
#include "server/api/select.h"
#include "server/api/select_heatmap.h"
#include "server/api/select_series.h"
#include "server/api/series.h"
#include "server/api/settings.h"
#include "server/api/web.h"

#define RPC_READ(path, method)                                                                     \
    {                                                                                              \
        "POST", path, HTTP_READ, HTTP_BODY_QUERY, 0, rpc_handle, &method, NULL                     \
    }
#define RPC_WRITE(path, method)                                                                    \
    {                                                                                              \
        "POST", path, HTTP_WRITE, HTTP_BODY_QUERY, 0, rpc_handle, &method, NULL                    \
    }
#define RPC_PUBLIC(path, method)                                                                   \
    {                                                                                              \
        "POST", path, HTTP_PUBLIC, HTTP_BODY_QUERY, 0, rpc_handle, &method, NULL                   \
    }
#define RPC_UNKNOWN(path)                                                                          \
    {                                                                                              \
        "POST", path, HTTP_PUBLIC, HTTP_BODY_QUERY, 0, rpc_handle_unknown, NULL, NULL              \
    }
#define GET(path, scope, handler)                                                                  \
    {                                                                                              \
        "GET", path, scope, HTTP_BODY_NONE, 0, handler, NULL, NULL                                 \
    }

#define QUERIER  "/querier.v1.QuerierService/"
#define SETTINGS "/settings.v1.SettingsService/"
#define RULES    "/settings.v1.RecordingRulesService/"
#define ADHOC    "/adhocprofiles.v1.AdHocProfileService/"
#define DEBUG    "/debuginfo.v1alpha1.DebuginfoService/"

static const HttpRoute routes[] = {
    {"POST", "/push.v1.PusherService/Push", HTTP_WRITE, HTTP_BODY_PUSH, 0, rpc_handle, &rpc_push,
     NULL},
    {"POST", "/ingest", HTTP_WRITE, HTTP_BODY_PUSH, HTTP_RAW_BODY, legacy_ingest_handle, NULL,
     NULL},
    {"POST", "/pyroscope/ingest", HTTP_WRITE, HTTP_BODY_PUSH, HTTP_RAW_BODY, legacy_ingest_handle,
     NULL, NULL},

    {"POST", "/v1development/profiles", HTTP_WRITE, HTTP_BODY_PUSH, HTTP_TEXT_ERRORS, otlp_handle,
     NULL, NULL},
    {"POST", "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
     HTTP_WRITE, HTTP_BODY_PUSH, 0, rpc_handle, &rpc_otlp_export, NULL},

    RPC_READ(QUERIER "ProfileTypes", rpc_profile_types),
    RPC_READ(QUERIER "LabelNames", rpc_label_names),
    RPC_READ(QUERIER "LabelValues", rpc_label_values),
    RPC_READ(QUERIER "Series", rpc_series),
    RPC_READ(QUERIER "SelectSeries", rpc_select_series),
    RPC_READ(QUERIER "SelectMergeStacktraces", rpc_select_merge_stacktraces),
    RPC_READ(QUERIER "SelectMergeSpanProfile", rpc_select_merge_span_profile),
    RPC_READ(QUERIER "SelectMergeProfile", rpc_select_merge_profile),
    RPC_READ(QUERIER "SelectHeatmap", rpc_select_heatmap),
    RPC_READ(QUERIER "Diff", rpc_diff),
    RPC_READ(QUERIER "GetProfileStats", rpc_profile_stats),
    RPC_READ(QUERIER "AnalyzeQuery", rpc_analyze_query),
    RPC_READ(SETTINGS "Get", rpc_settings_get),
    RPC_WRITE(SETTINGS "Set", rpc_settings_set),
    RPC_WRITE(SETTINGS "Delete", rpc_settings_delete),
    RPC_READ(RULES "GetRecordingRule", rpc_recording_rule_get),
    RPC_READ(RULES "ListRecordingRules", rpc_recording_rules_list),
    RPC_WRITE(RULES "UpsertRecordingRule", rpc_recording_rule_upsert),
    RPC_WRITE(RULES "DeleteRecordingRule", rpc_recording_rule_delete),
    {"POST", ADHOC "Upload", HTTP_WRITE, HTTP_BODY_PUSH, 0, rpc_handle, &rpc_adhoc_upload, NULL},
    RPC_READ(ADHOC "Get", rpc_adhoc_get),
    RPC_READ(ADHOC "List", rpc_adhoc_list),
    RPC_READ(ADHOC "Diff", rpc_adhoc_diff),
    RPC_WRITE(DEBUG "ShouldInitiateUpload", rpc_should_initiate_upload),
    {"POST", DEBUGINFO_UPLOAD "*", HTTP_WRITE, HTTP_BODY_FILE, HTTP_RAW_BODY,
     debuginfo_handle_upload, NULL, debuginfo_admit_upload},
    RPC_WRITE(DEBUG "UploadFinished", rpc_upload_finished),
    RPC_READ(DEBUG "ListDebuginfo", rpc_list_debuginfo),
    RPC_WRITE(DEBUG "DeleteDebuginfo", rpc_delete_debuginfo),
    RPC_PUBLIC("/version.v1.Version/Version", rpc_version),
    RPC_PUBLIC("/capabilities.v1.FeatureFlagsService/GetFeatureFlags", rpc_feature_flags),
    RPC_PUBLIC("/grpc.health.v1.Health/Check", rpc_health_check),
    GET("/pyroscope/render", HTTP_READ, render_handle),
    GET("/pyroscope/render-diff", HTTP_READ, render_diff_handle),
    GET("/pyroscope/label-names", HTTP_READ, label_names_handle),
    GET("/pyroscope/label-values", HTTP_READ, label_values_handle),

    GET("/api/v1/rules/metrics", HTTP_READ, operations_handle_rule_metrics),
    GET("/api/v1/tenants", HTTP_PUBLIC, operations_handle_tenants),
    GET("/api/v1/tenant_limits", HTTP_READ, operations_handle_tenant_limits),
    GET("/api/v1/flamegraph", HTTP_READ, flamegraph_handle),
    GET("/api/v1/flamegraph/diff", HTTP_READ, flamegraph_handle_diff),
    GET("/api/v1/functions", HTTP_READ, functions_handle),
    GET("/api/v1/series", HTTP_READ, series_handle),
    GET("/api/v1/export", HTTP_READ, export_handle),
    {"POST", "/api/v1/findings", HTTP_WRITE, HTTP_BODY_REPORT, 0, findings_handle_report, NULL,
     NULL},
    GET("/api/v1/findings", HTTP_READ, findings_handle_list),
    GET("/api/v1/findings/transitions", HTTP_READ, findings_handle_transitions),
    GET("/api/v1/findings/clusters", HTTP_READ, findings_handle_clusters),
    GET(FINDINGS_STATE, HTTP_READ, findings_state_handle_get),
    {"PUT", FINDINGS_STATE, HTTP_WRITE, HTTP_BODY_STATE, 0, findings_state_handle_put, NULL, NULL},
    GET(FINDINGS_ONE "*", HTTP_READ, findings_handle_one),
    GET("/ready", HTTP_PUBLIC, operations_handle_ready),
    GET("/healthz", HTTP_PUBLIC, operations_handle_ready),
    GET("/metrics", HTTP_PUBLIC, operations_handle_metrics),
    GET("/api/v1/status/buildinfo", HTTP_PUBLIC, operations_handle_buildinfo),
    GET("/api/v1/status/config", HTTP_PUBLIC, configuration_handle),
    GET("/api/v1/status/config/diff", HTTP_PUBLIC, configuration_handle_diff),
    GET("/api/v1/status/config/default", HTTP_PUBLIC, configuration_handle_default),
    GET("/runtime_config", HTTP_PUBLIC, configuration_handle_overrides),

    /* Services of the API that are known but not offered: clients fall back on 501. */
    RPC_UNKNOWN("/push.v1.*"),
    RPC_UNKNOWN("/querier.v1.*"),
    RPC_UNKNOWN("/settings.v1.*"),
    RPC_UNKNOWN("/adhocprofiles.v1.*"),
    RPC_PUBLIC("/vcs.v1.*", rpc_vcs),
    RPC_UNKNOWN("/capabilities.v1.*"),
    RPC_UNKNOWN("/version.v1.*"),
    RPC_UNKNOWN("/debuginfo.v1alpha1.*"),
    RPC_UNKNOWN("/opentelemetry.proto.*"),
    RPC_UNKNOWN("/grpc.health.v1.*"),

    GET("/ui", HTTP_PUBLIC, web_handle_ui),
    GET("/*", HTTP_PUBLIC, web_handle),
};

const HttpRoute *
api_routes(size_t *ret_n)
{
    *ret_n = G_N_ELEMENTS(routes);
    return routes;
}
