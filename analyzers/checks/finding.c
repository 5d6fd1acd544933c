#include "analyzers/checks/finding.h"

#include <string.h>

#include "lib/base/redact.h"
#include "lib/base/text.h"

/* Of a title, and of any other line: Slack shows three thousand characters of a block at most. */
enum { TITLE_BYTES_MAX = 200, LINE_BYTES_MAX = 600, NOTE_BYTES_MAX = 1000, LINES_MAX = 12 };

static const char *const severity_names[] = {
    [SEVERITY_INFO] = "info", [SEVERITY_LOW] = "low",           [SEVERITY_MEDIUM] = "medium",
    [SEVERITY_HIGH] = "high", [SEVERITY_CRITICAL] = "critical",
};

const char *
severity_name(Severity severity)
{
    return severity_names[severity];
}

bool
severity_parse(const char *text, Severity *ret_severity)
{
    for (size_t i = 0; i < G_N_ELEMENTS(severity_names); i++) {
        if (strcmp(severity_names[i], text) == 0) {
            *ret_severity = (Severity)i;
            return true;
        }
    }
    return false;
}

/* ---- Text. ---- */

/* One line without secrets. Takes `text`. */
static char *
make_line(char *text, size_t max)
{
    g_autofree char *given = text, *redacted = redact(given);
    return printable_line(redacted, strlen(redacted), max);
}

/* Messages that are quoted at the end of a sentence bring its period with them. */
static void
merge_periods(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        size_t n = strspn(from, ".");
        if (n == 2 && (from[2] == ' ' || from[2] == '\0'))
            from++;
        else if (n > 2) {
            memmove(to, from, n - 1);
            to += n - 1;
            from += n - 1;
        }
        *to++ = *from;
    }
    *to = '\0';
}

#define FORMAT_LINE(line, format, max)                                                             \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        (line) = make_line(g_strdup_vprintf(format, arguments), max);                              \
        va_end(arguments);                                                                         \
    } while (0)

void
finding_title(Finding *finding, const char *format, ...)
{
    g_free(finding->title);
    FORMAT_LINE(finding->title, format, TITLE_BYTES_MAX);
}

void
finding_cause(Finding *finding, const char *format, ...)
{
    g_free(finding->cause);
    FORMAT_LINE(finding->cause, format, LINE_BYTES_MAX);
    merge_periods(finding->cause);
}

static void
add_line(GPtrArray *lines, char *line)
{
    if (lines->len < LINES_MAX && line[0] != '\0' &&
        !g_ptr_array_find_with_equal_func(lines, line, g_str_equal, NULL))
        g_ptr_array_add(lines, line);
    else
        g_free(line);
}

void
finding_evidence(Finding *finding, const char *format, ...)
{
    char *line;
    FORMAT_LINE(line, format, LINE_BYTES_MAX);
    add_line(finding->evidence, line);
}

void
finding_changed(Finding *finding, int64_t at_s, const char *format, ...)
{
    char *line;
    g_autofree char *span = span_text(finding->since_s - at_s);
    FORMAT_LINE(line, format, LINE_BYTES_MAX);
    add_line(finding->changes, g_strdup_printf("%s before: %s", span, line));
    g_free(line);
}

void
finding_fix(Finding *finding, const char *format, ...)
{
    char *line;
    FORMAT_LINE(line, format, LINE_BYTES_MAX);
    add_line(finding->fix, line);
}

void
finding_note(Finding *finding, const char *format, ...)
{
    g_free(finding->note);
    FORMAT_LINE(finding->note, format, NOTE_BYTES_MAX);
}

void
findings_log_line(Findings *findings, const char *line)
{
    char *shown = make_line(g_strdup(line), LINE_BYTES_MAX);
    if (shown[0] != '\0')
        g_hash_table_add(findings->log_lines, shown);
    else
        g_free(shown);
}

/* What kubectl calls the kind of an object: the short name that people use where there is one, with
 * the group for what an operator brought. Free with g_free. */
static char *
kubectl_kind(const Object *object)
{
    static const char *const short_names[KIND_COUNT] = {
        [KIND_PVC] = "pvc", [KIND_PV] = "pv",   [KIND_HPA] = "hpa",
        [KIND_PDB] = "pdb", [KIND_CRD] = "crd", [KIND_CSR] = "csr",
    };
    const KindRow *kind = kind_row(object->kind);
    if (short_names[object->kind] != NULL)
        return g_strdup(short_names[object->kind]);
    if (kind_is_custom(object->kind))
        return g_strdup_printf("%s.%s", kind->resource, kind->group);
    return g_ascii_strdown(kind->kind, -1);
}

void
finding_describe(Finding *finding, const Object *object)
{
    g_autofree char *kind = kubectl_kind(object);
    if (object->kind == KIND_MANAGED) { /* its name has the type */
        finding_fix(finding, "kubectl%s%s describe %s", object->ns[0] != '\0' ? " -n " : "",
                    object->ns, object->name);
        return;
    }
    finding_fix(finding, "kubectl%s%s describe %s %s", object->ns[0] != '\0' ? " -n " : "",
                object->ns, kind, object->name);
}

static void
link_free(gpointer data)
{
    FindingLink *link = data;
    g_free(link->label);
    g_free(link->url);
    g_free(link);
}

void
finding_link(Finding *finding, const char *label, const char *url)
{
    for (guint i = 0; i < finding->links->len; i++) {
        if (strcmp(((const FindingLink *)finding->links->pdata[i])->url, url) == 0)
            return;
    }
    FindingLink *link = g_new0(FindingLink, 1);
    link->label = make_line(g_strdup(label), LINE_BYTES_MAX);
    link->url = g_strdup(url);
    g_ptr_array_add(finding->links, link);
}

char *
span_text(int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    seconds = MAX(seconds, 0);
    size_t i = 0;
    while (i + 1 < G_N_ELEMENTS(units) && seconds < units[i].seconds)
        i++;
    int64_t whole = seconds / units[i].seconds, rest = seconds % units[i].seconds;
    int64_t second = i + 1 < G_N_ELEMENTS(units) ? rest / units[i + 1].seconds : 0;
    if (second == 0 || units[i].seconds == 60)
        return g_strdup_printf("%" G_GINT64_FORMAT " %s", whole, units[i].unit);
    return g_strdup_printf("%" G_GINT64_FORMAT " %s %" G_GINT64_FORMAT " %s", whole, units[i].unit,
                           second, units[i + 1].unit);
}

/* ---- Facts. ---- */

void
finding_since(Finding *finding, int64_t since_s)
{
    if (since_s > 0 && (finding->since_s == 0 || since_s < finding->since_s))
        finding->since_s = since_s;
}

static void
add_object(GPtrArray *objects, const Object *object)
{
    if (object != NULL && !g_ptr_array_find(objects, object, NULL))
        g_ptr_array_add(objects, (gpointer)(uintptr_t)object);
}

void
finding_about(Finding *finding, const Object *object)
{
    if (object != finding->object)
        add_object(finding->about, object);
}

void
finding_blame(Finding *finding, const Object *object)
{
    add_object(finding->blamed, object);
}

static void
absence_free(Absence *absence)
{
    if (absence == NULL)
        return;
    g_free(absence->ns);
    g_free(absence->name);
    g_free(absence);
}

void
finding_misses(Finding *finding, Kind kind, const char *ns, const char *name)
{
    absence_free(finding->absence);
    finding->absence = g_new(Absence, 1);
    *finding->absence = (Absence){kind, g_strdup(ns), g_strdup(name)};
}

/* ---- All of them. ---- */

static void
finding_free(gpointer data)
{
    Finding *finding = data;
    absence_free(finding->absence);
    g_free(finding->what);
    g_free(finding->title);
    g_free(finding->cause);
    g_free(finding->note);
    g_ptr_array_unref(finding->evidence);
    g_ptr_array_unref(finding->changes);
    g_ptr_array_unref(finding->fix);
    g_ptr_array_unref(finding->links);
    g_ptr_array_unref(finding->about);
    g_ptr_array_unref(finding->blamed);
    g_ptr_array_unref(finding->explains);
    g_free(finding);
}

static void
unverified_free(gpointer data)
{
    Unverified *unverified = data;
    g_free(unverified->ns);
    g_free(unverified->name);
    g_free(unverified->reason);
    g_free(unverified);
}

static guint
hash_part(gconstpointer key)
{
    const Finding *finding = key;
    return g_direct_hash(finding->check) ^ 31 * g_direct_hash(finding->object) ^
           g_str_hash(finding->what);
}

static gboolean
is_same_part(gconstpointer left, gconstpointer right)
{
    const Finding *a = left, *b = right;
    return a->check == b->check && a->object == b->object && strcmp(a->what, b->what) == 0;
}

Findings *
findings_new(void)
{
    Findings *findings = g_new0(Findings, 1);
    findings->all = g_ptr_array_new_with_free_func(finding_free);
    findings->unverified = g_ptr_array_new_with_free_func(unverified_free);
    findings->log_lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    findings->by_part = g_hash_table_new(hash_part, is_same_part);
    return findings;
}

void
findings_free(Findings *findings)
{
    if (findings == NULL)
        return;
    g_hash_table_unref(findings->by_part);
    g_ptr_array_unref(findings->all);
    g_ptr_array_unref(findings->unverified);
    g_hash_table_unref(findings->log_lines);
    g_free(findings);
}

Finding *
findings_add(Findings *findings, const CheckRow *check, const Object *object, const char *what)
{
    Finding *finding = g_new0(Finding, 1);
    finding->check = check;
    finding->object = object;
    finding->what = g_strdup(what);
    finding->title = g_strdup("");
    finding->cause = g_strdup("");
    finding->evidence = g_ptr_array_new_with_free_func(g_free);
    finding->changes = g_ptr_array_new_with_free_func(g_free);
    finding->fix = g_ptr_array_new_with_free_func(g_free);
    finding->links = g_ptr_array_new_with_free_func(link_free);
    finding->about = g_ptr_array_new();
    finding->blamed = g_ptr_array_new();
    finding->explains = g_ptr_array_new();
    g_ptr_array_add(findings->all, finding);
    if (!g_hash_table_contains(findings->by_part, finding))
        g_hash_table_add(findings->by_part, finding);
    return finding;
}

Finding *
findings_find(const Findings *findings, const CheckRow *check, const Object *object,
              const char *what)
{
    const Finding key = {.check = check, .object = object, .what = (char *)(uintptr_t)what};
    return g_hash_table_lookup(findings->by_part, &key);
}

void
findings_filter(Findings *findings, FindingFunc is_kept, const void *data)
{
    g_hash_table_remove_all(findings->by_part);
    for (guint i = findings->all->len; i > 0; i--) {
        Finding *finding = findings->all->pdata[i - 1];
        if (!is_kept(finding, data))
            g_ptr_array_remove_index(findings->all, i - 1);
        else /* of several about a part the first one stays */
            g_hash_table_replace(findings->by_part, finding, finding);
    }
}

void
findings_unverified(Findings *findings, const CheckRow *check, Kind kind, const char *ns,
                    const char *name, const char *reason)
{
    for (guint i = 0; i < findings->unverified->len; i++) {
        const Unverified *other = findings->unverified->pdata[i];
        if (other->check == check && other->kind == kind && strcmp(other->ns, ns) == 0 &&
            strcmp(other->name, name) == 0)
            return;
    }
    Unverified *unverified = g_new0(Unverified, 1);
    unverified->check = check;
    unverified->kind = kind;
    unverified->ns = g_strdup(ns);
    unverified->name = g_strdup(name);
    unverified->reason = printable_line(reason, strlen(reason), LINE_BYTES_MAX);
    g_ptr_array_add(findings->unverified, unverified);
}
