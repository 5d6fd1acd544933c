#include "analyzers/llm/shape.h"

#include <gio/gio.h>
#include <string.h>

#include "analyzers/llm/vocabulary.h"
#include "lib/base/bounded_regex.h"

typedef struct {
    const char *type;
    const char *pattern; /* its one group is what is told */
    bool (*judge)(const char *match);
} ShapeRow;

static bool
is_foreign(const char *match)
{
    return !vocabulary_has(match, strlen(match));
}

/* Also without colons that end a sentence; times are no addresses. */
static bool
is_ip(const char *match)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(match);
    return address != NULL && is_foreign(match);
}

/* Names of fields, files and classes have dots too. */
static bool
is_host(const char *match)
{
    static const char *const firsts[] = {"spec", "status", "metadata", "data",
                                         "java", "javax",  NULL};
    static const char *const lasts[] = {"yaml", "yml",  "json", "go",  "java", "js",  "txt",
                                        "log",  "conf", "cfg",  "pem", "crt",  "xml", "html",
                                        "toml", "ini",  "jar",  "c",   "h",    NULL};
    g_auto(GStrv) parts = g_strsplit(match, ".", -1);
    const char *last = parts[g_strv_length(parts) - 1];
    g_autofree char *lower = g_ascii_strdown(last, -1), *upper = g_ascii_strup(last, -1);
    if (strcmp(lower, last) != 0 && strcmp(upper, last) != 0)
        return false;
    return !g_strv_contains(firsts, parts[0]) && !g_strv_contains(lasts, last) && is_foreign(match);
}

/* system:anonymous and others of Kubernetes stay. */
static bool
is_user(const char *match)
{
    return !g_str_has_prefix(match, "system:") && is_foreign(match);
}

static bool
is_path(const char *match)
{
    static const char *const common[] = {"healthz", "readyz",  "livez",  "health", "ready",
                                         "live",    "metrics", "status", "ping",   NULL};
    return match[0] != '\0' && !g_strv_contains(common, match);
}

static const ShapeRow rows[] = {
    {"url",
     "((?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}://(?:\\[[0-9a-fA-F:.]++\\]|[^\\s/"
     "\"'<>?#:]++))",
     NULL},
    {"path", "://[^\\s/\"'<>?#]++/([^\\s\"'<>]*+)", is_path},
    {"ip", "(?<![0-9.])((?:[0-9]{1,3}\\.){3}[0-9]{1,3})(?![0-9]|\\.[0-9])", is_foreign},
    {"ip", "(?<![0-9A-Za-z:.])((?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}[0-9.]{0,12})", is_ip},
    {"mac", "(?<![0-9A-Fa-f:])((?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2})(?![0-9A-Fa-f:])", NULL},
    {"host", "((?<![A-Za-z0-9])ip(?:-[0-9]{1,3}){4})(?![0-9])", NULL},
    {"uid",
     "(?<![0-9A-Fa-f])([0-9A-Fa-f]{8}[-_][0-9A-Fa-f]{4}[-_][0-9A-Fa-f]{4}[-_][0-9A-Fa-f]{4}[-_]"
     "[0-9A-Fa-f]{12})(?![0-9A-Fa-f])",
     NULL},
    {"cloud", "(\\barn:[^\\s\"',]++)", NULL},
    {"cloud",
     "((?<![A-Za-z0-9-])(?:vol|i|eni|subnet|sg|vpc|snap|ami|fs)-[0-9a-f]{8,40})(?![0-9a-z])", NULL},
    {"cloud", "(/subscriptions/[^\\s\"']++|\\bprojects/[^\\s\"']++)", NULL},
    {"host",
     "(?<![A-Za-z0-9_.-])((?:[A-Za-z0-9_*][A-Za-z0-9_-]{0,62}\\.){1,10}[A-Za-z]{2,24})(?![A-Za-z0-"
     "9_-])",
     is_host},
    {"user", "\\b(?:[Uu]ser(?:name)?|[Gg]roup)s?[ =:]{1,3}\\\\?[\"']([^\"'\\\\\\s]{1,256})",
     is_user},
    {"user", "\\bsystem:(?:serviceaccount|node):([^\\s\"',]++)", NULL},
    {"user", "/(?:home|Users)/([^/\\s\"':]++)", NULL},
    {"mail", "(?<![A-Za-z0-9._%+-])([A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9.-]{1,253})", NULL},
};

static gpointer
compile_rows(gpointer data)
{
    (void)data;
    GRegex **compiled = g_new0(GRegex *, G_N_ELEMENTS(rows));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        compiled[i] = bounded_regex_new(rows[i].pattern);
    return compiled;
}

/* False when the limit was hit. */
static bool
scan_row(const GRegex *regex, const ShapeRow *row, const char *text, GArray *shapes)
{
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GError) error = NULL;
    (void)g_regex_match_full(regex, text, -1, 0, G_REGEX_MATCH_DEFAULT, &match, &error);
    while (error == NULL && g_match_info_matches(match)) {
        int start, end;
        g_autofree char *told = g_match_info_fetch(match, 1);
        if (g_match_info_fetch_pos(match, 1, &start, &end) && end > start &&
            (row->judge == NULL || row->judge(told))) {
            Shape shape = {(size_t)start, (size_t)end, row->type};
            g_array_append_val(shapes, shape);
        }
        (void)g_match_info_next(match, &error);
    }
    return error == NULL;
}

GArray *
shape_scan(const char *text)
{
    static GOnce once = G_ONCE_INIT;
    GRegex *const *compiled = g_once(&once, compile_rows, NULL);
    g_autoptr(GArray) shapes = g_array_new(FALSE, FALSE, sizeof(Shape));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!scan_row(compiled[i], &rows[i], text, shapes))
            return NULL;
    }
    return g_steal_pointer(&shapes);
}
