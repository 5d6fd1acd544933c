/* What the API server says of itself, and the certificate that it shows. */
#include <string.h>

#include "analyzers/checks/certificate_file.h"
#include "analyzers/checks/table.h"
#include "analyzers/checks/telemetry_gate.h"

static void run_readyz(CheckRun *run);
static void run_certificate(CheckRun *run);

enum { ROW_READYZ, ROW_CERTIFICATE };

static const CheckRow rows[] = {
    [ROW_READYZ] =
        {
            .id = "apiserver-readyz",
            .kind = "Backend",
            .severity = SEVERITY_CRITICAL,
            .stage = STAGE_BACKEND,
            .tier = 2,
            .symptom = "The API server says itself that it is not ready.",
            .meaning = "/readyz?verbose names checks that fail, and did so for all tries of some "
                       "seconds. That it is being shut down in order is none of them.",
            .fix = "Look at what the names stand for: etcd, or a hook that has not finished.",
            .run = run_readyz,
        },
    [ROW_CERTIFICATE] =
        {
            .id = "cluster-cert-expiring",
            .kind = "Backend",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .symptom = "Soon nobody will be able to talk to the API server.",
            .meaning = "The certificate that it has shown to the analyzer ends within 14 days, or, "
                       "when it is made for a short time, within the last quarter of that.",
            .fix = "Renew the certificates of the control plane, and restart what serves them.",
            .run = run_certificate,
        },
};

const CheckTopic check_topic_api_server = {rows, G_N_ELEMENTS(rows)};

static const char *
known_fact(CheckRun *run, const CheckRow *row, Fact fact)
{
    const char *problem = snapshot_fact_problem(run->snapshot, fact);
    if (problem != NULL)
        findings_unverified(run->findings, row, KIND_NONE, "", backend_api_server()->name, problem);
    return snapshot_fact(run->snapshot, fact);
}

/* "etcd" of "[-]etcd failed: reason withheld"; NULL when a line names no check that fails. */
static char *
failing_name(const char *line)
{
    static const char mark[] = "[-]";
    if (!g_str_has_prefix(line, mark))
        return NULL;
    const char *name = line + strlen(mark), *end = strstr(name, " failed");
    char *text = g_strstrip(end != NULL ? g_strndup(name, (gsize)(end - name)) : g_strdup(name));
    if (text[0] != '\0' && strcmp(text, "shutdown") != 0)
        return text;
    g_free(text);
    return NULL;
}

static void
run_readyz(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_READYZ];
    const char *says = known_fact(run, row, FACT_READYZ);
    g_auto(GStrv) lines = g_strsplit(says != NULL ? says : "", "\n", -1);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (char **line = lines; *line != NULL; line++) {
        char *name = failing_name(*line);
        if (name != NULL)
            g_ptr_array_add(names, name);
    }
    if (names->len == 0)
        return;
    Finding *finding = check_report(run, row, backend_api_server());
    for (guint i = 0; i < names->len; i++)
        finding_evidence(finding, "%s fails", (const char *)names->pdata[i]);
    g_ptr_array_add(names, NULL);
    g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);
    finding_title(finding, "The API server is not ready: %s", all);
    finding_cause(finding,
                  "It says of itself that these checks fail: %s. What it still answers "
                  "may be old, and what is written may be lost.",
                  all);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl get --raw '/readyz?verbose'");
}

static void
run_certificate(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_CERTIFICATE];
    const char *pem = known_fact(run, row, FACT_CERTIFICATE);
    if (pem == NULL)
        return;
    g_auto(CertificateFile) file = {0};
    if (!certificate_file_read(pem, strlen(pem), &file)) {
        findings_unverified(run->findings, row, KIND_NONE, "", backend_api_server()->name,
                            "the certificate of the API server cannot be read");
        return;
    }
    int64_t left_s = file.end_s - run->now_s;
    if (!certificate_ends_soon(&file, run->now_s))
        return;
    g_autofree char *span = span_text(ABS(left_s));
    Finding *finding = check_report(run, row, backend_api_server());
    if (left_s <= 0)
        finding_title(finding, "The certificate of the API server ended %s ago", span);
    else
        finding_title(finding, "The certificate of the API server ends in %s", span);
    finding_cause(finding, "It was shown to the analyzer on its own connection. Once it has "
                           "ended, kubectl, the nodes and all controllers refuse the server.");
    finding_evidence(finding, "Issued by %s", file.issuer);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubeadm certs check-expiration");
}
