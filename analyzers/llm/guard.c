#include "analyzers/llm/guard.h"

#include <string.h>

#include "analyzers/llm/answer.h"
#include "lib/base/bounded_regex.h"
#include "lib/base/text.h"
#include "lib/k8s/answer.h"

typedef struct {
    const char *pattern;
    const char *with; /* what takes the place of a match; NULL: there must be none */
    const char *why;  /* then */
} GuardRow;

/* In this order. Marks go first, so that they hide no command. */
static const GuardRow rows[] = {
    {"```[a-zA-Z]{0,12}|[`*~]{1,3}", "", NULL},
    {"!?\\[([^\\[\\]]{0,300})\\]\\([^()]{0,500}\\)", "\\1", NULL},
    {"<[^<>]{0,500}>", "", NULL},
    {"[<>]", "", NULL},
    {"(?i)\\b[a-z][a-z0-9+.-]{1,20}:/{1,2}[^\\s]++|://[^\\s]*+|\\bwww\\.[^\\s]++|"
     "\\b(?:javascript|data|mailto):[^\\s]++",
     "[link]", NULL},
    {"@(?=[\\w])", "", NULL},
    {"(?i)kubectl\\b(?:\\s+\\S+){0,8}?\\s+(?:delete|patch|edit|exec|apply|create|replace|drain|"
     "scale|"
     "taint|cp|debug|attach|run)\\b",
     NULL, "a command that changes the cluster"},
    {"(?i)\\b(?:oc|helm)\\s+(?:\\S+\\s+){0,4}?(?:delete|patch|edit|exec|apply|create|uninstall|"
     "install|"
     "upgrade|rollback)\\b",
     NULL, "a command that changes the cluster"},
    {"(?i)\\b(?:curl|wget)\\b[^\\n]*\\||\\|\\s*(?:sudo\\s+)?(?:ba|z|da|k)?sh\\b|\\b(?:ba|z|da)?"
     "sh\\s+-c\\b",
     NULL, "a command that runs what comes from elsewhere"},
    {"(?i)\\bbase64\\s+-|\\brm\\s+-[a-z]*[rf]|\\bsudo\\b|\\beval\\b|\\bpowershell\\b|\\$\\(|"
     "\\bchmod\\s",
     NULL, "a command of a shell"},
    {"[A-Za-z0-9+/]{40,}={0,2}", NULL, "encoded data"},
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

/* The text after one row; NULL with *ret_why. Takes `text`. */
static char *
apply_row(const GRegex *regex, const GuardRow *row, char *text, const char **ret_why)
{
    g_autofree char *given = text;
    g_autoptr(GError) error = NULL;
    bool found = g_regex_match_full(regex, given, -1, 0, G_REGEX_MATCH_DEFAULT, NULL, &error);
    *ret_why = error != NULL ? "a text that cannot be judged" : row->why;
    if (error != NULL || (found && row->with == NULL))
        return NULL;
    if (!found)
        return g_steal_pointer(&given);
    return g_regex_replace(regex, given, -1, 0, row->with, G_REGEX_MATCH_DEFAULT, NULL);
}

char *
guard_text(const Mask *mask, const char *text, const char **ret_why)
{
    static GOnce once = G_ONCE_INIT;
    GRegex *const *compiled = g_once(&once, compile_rows, NULL);
    char *safe = printable_line(text, strlen(text), ANSWER_BYTES_MAX);
    for (size_t i = 0; i < G_N_ELEMENTS(rows) && safe != NULL; i++)
        safe = apply_row(compiled[i], &rows[i], safe, ret_why);
    g_autofree char *checked = safe;
    if (checked == NULL)
        return NULL;
    *ret_why = mask_find_foreign(mask, checked);
    if (*ret_why != NULL)
        return NULL;
    g_autofree char *restored = mask_restore(mask, checked);
    char *line = printable_line(restored, strlen(restored), ANSWER_BYTES_MAX);
    if (line[0] == '\0') {
        *ret_why = "nothing";
        g_clear_pointer(&line, g_free);
    }
    return line;
}
