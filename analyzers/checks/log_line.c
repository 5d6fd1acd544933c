#include "analyzers/checks/log_line.h"

#include <string.h>

enum { LINE_BYTES_MAX = 300 };

/* Words of lines that say what went wrong, in lower case. */
static const char *const error_words[] = {
    "error",   "fatal",       "panic",   "exception",    "traceback", "failed",  "failure",
    "refused", "denied",      "timeout", "no such host", "not found", "not set", "missing",
    "invalid", "unreachable", "cannot",  "can't",        "could not", "unable",  "killed",
};

/* What comes before a secret's value, and the value. */
#define SECRET_PATTERN                                                                             \
    "(?i)((?:pass(?:word|wd)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|"        \
    "client[_-]?secret|dsn|authorization)[\"']?\\s*[:=]\\s*[\"']?(?:bearer |basic "                \
    ")?)[^\\s\"',;]+|"                                                                             \
    "(://[^/\\s:@]+:)[^@\\s/]+(?=@)|(bearer )[A-Za-z0-9._~+/=-]{8,}|"                              \
    "(eyJ)[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+"

static gpointer
compile_pattern(gpointer data)
{
    (void)data;
    return g_regex_new(SECRET_PATTERN, G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT, NULL);
}

char *
log_redact(const char *text)
{
    static GOnce once = G_ONCE_INIT;
    const GRegex *pattern = g_once(&once, compile_pattern, NULL);
    char *redacted =
        g_regex_replace(pattern, text, -1, 0, "\\1\\2\\3[redacted]", G_REGEX_MATCH_DEFAULT, NULL);
    return redacted != NULL ? redacted : g_strdup("[redacted]");
}

static bool
is_error(const char *line)
{
    g_autofree char *lower = g_ascii_strdown(line, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(error_words); i++) {
        if (strstr(lower, error_words[i]) != NULL)
            return true;
    }
    return false;
}

char *
log_line_of(const char *log)
{
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    const char *last = NULL, *telling = NULL;
    for (size_t i = 0; lines[i] != NULL; i++) {
        g_strstrip(lines[i]);
        if (lines[i][0] == '\0')
            continue;
        last = lines[i];
        if (is_error(last))
            telling = last;
    }
    if (last == NULL)
        return NULL;
    g_autofree char *cut = g_strndup(telling != NULL ? telling : last, LINE_BYTES_MAX);
    g_autofree char *valid = g_utf8_make_valid(cut, -1);
    return log_redact(valid);
}

char *
log_line(const CheckRun *run, const Container *container, bool previous)
{
    g_autofree char *log = snapshot_log(run->snapshot, container->pod, container->name, previous);
    return log != NULL ? log_line_of(log) : NULL;
}
