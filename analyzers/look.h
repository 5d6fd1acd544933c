/* One look at a cluster, from its objects to its findings: what scan and run have in common. */
#pragma once
#include "analyzers/backends.h"
#include "analyzers/llm/note.h"

typedef struct {
    InputOptions input;
    BackendsOptions backends;
    BackendOptions findings; /* the server that they are reported to */
    LlmOptions llm;
    GStrv links; /* of findings, see enrich/finding_links.h */
} LookOptions;

/* Rows of an option table for a LookOptions that is member `field` of `type`. */
#define LOOK_OPTION_ROWS(type, field)                                                              \
    INPUT_OPTION_ROWS(type, field.input), BACKENDS_OPTION_ROWS(type, field.backends),              \
        FINDINGS_OPTION_ROWS(type, field.findings), LLM_OPTION_ROWS(type, field.llm),              \
    {                                                                                              \
        "finding-link", OPTION_LIST, NULL, 0, 0, "LINE",                                           \
            "Link for each finding, as to a runbook or to logs, \"LABEL: URL\"; the URL may have " \
            "{cluster}, {check}, {kind}, {namespace}, {name}, {fingerprint}, {from} and {until}.", \
            offsetof(type, field.links)                                                            \
    }

/* Zeroed before, cleared after. */
typedef struct {
    const LookOptions *options;
    int64_t confirm_s; /* see confirm_silences; 0: what is found counts at once */
    CheckOptions check;
    Silences *silences;
    LogRules *log_rules;
    Backends backends;
    TelemetryApi *server; /* of findings; NULL: none */
    K8sClient *client;
    Snapshot *snapshot;
    Telemetry *telemetry;
    Findings *findings;
} Look;

/* Takes the options, which outlive the look; nothing is read yet but their files. */
bool look_open(Look *look, const LookOptions *options, GError **error);
/* Silences more findings, by rules of a file, and says on stderr which of them have expired; takes
 * the rules (NULL: none). */
void look_silence(Look *look, Silences *silences, const char *path);
/* Reads the cluster, asks its back ends, and fills look->findings with evidence and notes; `is_dry`
 * prints what a model would be sent instead of asking it. */
bool look_find(Look *look, bool is_dry, GError **error);
/* Reports the findings to the server, if there is one. */
void look_report(const Look *look);
void look_clear(Look *look);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)
