#include "analyzers/look.h"

#include "analyzers/confirm.h"
#include "analyzers/enrich/finding_links.h"
#include "analyzers/report/push.h"

bool
look_open(Look *look, const LookOptions *options, GError **error)
{
    look->options = options;
    if (!finding_links_check((const char *const *)options->links, error) ||
        !input_check_options(&options->input, &look->check, &look->silences, &look->log_rules,
                             error) ||
        !backends_open(&options->backends, &look->backends, error) ||
        !backends_open_one(&options->findings, options->backends.tenant, "findings", "findings-url",
                           &look->server, error))
        return false;
    look->check.node_label = options->backends.node_label;
    return true;
}

void
look_silence(Look *look, Silences *silences, const char *path)
{
    input_say_expired(silences, look->check.now_s, path);
    look->silences = silences_join(look->silences, silences);
    look->check.silences = look->silences;
}

bool
look_find(Look *look, bool is_dry, GError **error)
{
    const LookOptions *options = look->options;
    look->snapshot = snapshot_new();
    if (!input_read(&options->input, look->snapshot, &look->client, error) ||
        !backends_ask(&look->backends, &options->input, &look->check, &look->telemetry, error))
        return false;
    look->check.telemetry = look->telemetry;
    look->findings = check_all(look->snapshot, &look->check);
    if (!confirm_silences(look, error))
        return false;
    backends_enrich(&look->backends, &options->backends, &look->check, look->snapshot,
                    look->findings);
    finding_links_add(look->findings, (const char *const *)options->links, &look->check);
    return notes_add(&options->llm, look->snapshot, look->check.cluster, look->findings, is_dry,
                     error);
}

void
look_report(const Look *look)
{
    report_push(look->server, look->findings, &look->check);
}

void
look_clear(Look *look)
{
    g_clear_pointer(&look->findings, findings_free);
    g_clear_pointer(&look->telemetry, telemetry_free);
    g_clear_pointer(&look->snapshot, snapshot_free);
    g_clear_pointer(&look->client, k8s_client_free);
    g_clear_pointer(&look->server, telemetry_api_free);
    backends_clear(&look->backends);
    g_clear_pointer(&look->silences, silences_free);
    g_clear_pointer(&look->log_rules, log_rules_free);
}
