#include "analyzers/enrich/finding_links.h"

#include <string.h>

#include "lib/base/error.h"

/* Before the trouble began, and when it is not known before now. */
enum { BEFORE_S = 15 * 60, UNKNOWN_S = 60 * 60, MS = 1000 };

enum {
    WORD_CLUSTER,
    WORD_CHECK,
    WORD_KIND,
    WORD_NS,
    WORD_NAME,
    WORD_FINGERPRINT,
    WORD_FROM,
    WORD_UNTIL,
    WORDS
};

static const char *const words[WORDS] = {
    [WORD_CLUSTER] = "cluster", [WORD_CHECK] = "check", [WORD_KIND] = "kind",
    [WORD_NS] = "namespace",    [WORD_NAME] = "name",   [WORD_FINGERPRINT] = "fingerprint",
    [WORD_FROM] = "from",       [WORD_UNTIL] = "until",
};

/* The word within "{word}" at `text`; WORDS: there is none. *ret_end: what is behind it. */
static size_t
word_at(const char *text, const char **ret_end)
{
    for (size_t i = 0; i < WORDS; i++) {
        size_t n = strlen(words[i]);
        if (strncmp(text + 1, words[i], n) == 0 && text[n + 1] == '}') {
            *ret_end = text + n + 2;
            return i;
        }
    }
    return WORDS;
}

/* What a template has behind its label; NULL: it is none. */
static const char *
url_of(const char *template)
{
    const char *colon = strstr(template, ": ");
    const char *url = colon != NULL ? colon + 2 : "";
    bool is_url = g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://");
    return is_url && colon != template && strpbrk(url, " \t") == NULL ? url : NULL;
}

static bool
check_words(const char *template, GError **error)
{
    const char *at = url_of(template), *end;
    while (at != NULL && (at = strchr(at, '{')) != NULL) {
        if (word_at(at, &end) == WORDS)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "--finding-link '%s': '%.20s' is none of {cluster}, {check}, {kind}, "
                             "{namespace}, {name}, {fingerprint}, {from}, {until}",
                             template, at);
        at = end;
    }
    return true;
}

bool
finding_links_check(const char *const *templates, GError **error)
{
    for (size_t i = 0; templates != NULL && templates[i] != NULL; i++) {
        if (url_of(templates[i]) == NULL)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "--finding-link '%s' is not \"LABEL: URL\" with http or https",
                             templates[i]);
        if (!check_words(templates[i], error))
            return false;
    }
    return true;
}

/* NULL when a value that is wanted is empty; free with g_free. */
static char *
fill(const char *at, const char *const values[WORDS])
{
    g_autoptr(GString) url = g_string_new(NULL);
    for (const char *brace; (brace = strchr(at, '{')) != NULL;) {
        g_string_append_len(url, at, brace - at);
        size_t word = word_at(brace, &at);
        if (word == WORDS || values[word][0] == '\0')
            return NULL;
        g_string_append_uri_escaped(url, values[word], NULL, FALSE);
    }
    g_string_append(url, at);
    return g_string_free(g_steal_pointer(&url), FALSE);
}

static void
add_links(Finding *finding, const char *const *templates, const CheckOptions *check)
{
    int64_t from_s = finding->since_s > 0 ? finding->since_s - BEFORE_S : check->now_s - UNKNOWN_S;
    g_autofree char *from = g_strdup_printf("%" G_GINT64_FORMAT, from_s * MS),
                    *until = g_strdup_printf("%" G_GINT64_FORMAT, check->now_s * MS);
    const Object *object = finding->object;
    const char *const values[WORDS] = {
        [WORD_CLUSTER] = check->cluster != NULL ? check->cluster : "",
        [WORD_CHECK] = finding->check->id,
        [WORD_KIND] = kind_row(object->kind)->kind,
        [WORD_NS] = object->ns,
        [WORD_NAME] = object->name,
        [WORD_FINGERPRINT] = finding->fingerprint,
        [WORD_FROM] = from,
        [WORD_UNTIL] = until,
    };
    for (size_t i = 0; templates[i] != NULL; i++) {
        g_autofree char *url = fill(url_of(templates[i]), values);
        g_autofree char *label =
            g_strndup(templates[i], (gsize)(strstr(templates[i], ": ") - templates[i]));
        if (url != NULL)
            finding_link(finding, label, url);
    }
}

void
finding_links_add(Findings *findings, const char *const *templates, const CheckOptions *check)
{
    for (guint i = 0; templates != NULL && i < findings->n_roots; i++)
        add_links(findings->all->pdata[i], templates, check);
}
