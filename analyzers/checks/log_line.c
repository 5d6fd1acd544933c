#include "analyzers/checks/log_line.h"

#include <string.h>

#include "lib/base/redact.h"

/* A line that is shown, and how far back one is looked for. */
enum { LINE_BYTES_MAX = 300, LINES_BACK = 60 };

/* How much a line says. The words that begin a stack trace say nothing themselves, nor do those by
 * which Alloy ends. */
static int
weight_of(const char *line)
{
    LogSignature signature = log_signature(line);
    if (g_ascii_strncasecmp(line, "traceback", strlen("traceback")) == 0 ||
        strstr(line, "could not perform the initial load successfully") != NULL)
        return LOG_NOTHING;
    return MIN(signature, LOG_PANIC + 1);
}

char *
log_line_of(const char *log)
{
    g_autofree char *text = redact_blocks(log);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const char *best = NULL;
    int best_weight = -1;
    guint n = g_strv_length(lines);
    for (guint i = n; i > 0 && n - i < LINES_BACK; i--) {
        const char *line = g_strstrip(lines[i - 1]);
        int weight = line[0] != '\0' ? weight_of(line) : -1;
        if (weight > best_weight) {
            best = line;
            best_weight = weight;
        }
    }
    if (best == NULL)
        return NULL;
    g_autofree char *redacted = redact(best);
    g_autofree char *cut = g_strndup(redacted, LINE_BYTES_MAX);
    return g_utf8_make_valid(cut, -1);
}

char *
log_line(const CheckRun *run, const Container *container, bool previous)
{
    g_autofree char *log = snapshot_log(run->snapshot, container->pod, container->name, previous);
    /* While it waits for its next start the kubelet may have the log of its last run as the present
     * one. */
    if (log == NULL && previous && value_at(container->status, "state.waiting") != NULL)
        log = snapshot_log(run->snapshot, container->pod, container->name, false);
    char *line = log != NULL ? log_line_of(log) : NULL;
    if (line == NULL && previous)
        line = log_line_of(value_text(container->status, "lastState.terminated.message"));
    if (line != NULL)
        findings_log_line(run->findings, line);
    return line;
}

void
log_say_unread(CheckRun *run, const CheckRow *row)
{
    const char *problem = snapshot_logs_problem(run->snapshot);
    if (problem != NULL)
        findings_unverified(run->findings, row, KIND_POD, "", "", problem);
}

/* "listening on 0.0.0.0:9090", "Tomcat started on port(s): 8080", "running at http://[::]:3000". */
#define LISTEN_PATTERN                                                                             \
    "(?i)\\b(?:listen(?:ing|s)?|running (?:on|at)|started (?:on|at)|serving (?:on|at)|bound "      \
    "to)\\b"                                                                                       \
    "[^\\n]{0,80}?(?::|\\bport(?:\\(s\\))?:?\\s)\\s*([1-9][0-9]{3,4}|80|443)\\b"

static gpointer
compile_listen_pattern(gpointer data)
{
    (void)data;
    return g_regex_new(LISTEN_PATTERN, G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
}

int64_t
log_other_port(const char *log, int64_t port)
{
    static GOnce once = G_ONCE_INIT;
    const GRegex *pattern = g_once(&once, compile_listen_pattern, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    int64_t other = 0;
    (void)g_regex_match(pattern, log, G_REGEX_MATCH_DEFAULT, &match);
    for (; g_match_info_matches(match); (void)g_match_info_next(match, NULL)) {
        g_autofree char *text = g_match_info_fetch(match, 1);
        int64_t named = g_ascii_strtoll(text, NULL, 10);
        if (named == port)
            return 0;
        other = named;
    }
    return other;
}
