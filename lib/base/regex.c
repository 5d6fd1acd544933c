#include "lib/base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "lib/base/error.h"

enum {
    REGEX_PATTERN_BYTES_MAX = 64 * 1024, /* an alternation of a thousand pod names fits */
    REGEX_MATCH_LIMIT = 200000,          /* steps of one match; a sane one takes hundreds */
    REGEX_DEPTH_LIMIT = 20000,           /* nested backtracking points */
    REGEX_HEAP_LIMIT_KIB = 4096,
    REGEX_CACHE_BYTES_MAX = 4 * 1024 * 1024,
};

/* The pattern has to match all of a value. */
#define WHOLE (PCRE2_ANCHORED | PCRE2_ENDANCHORED)

struct Regex {
    char *pattern;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    GHashTable *outcomes; /* value to GINT_TO_POINTER(1 + matched) */
    size_t cache_bytes;
    bool hit_limit;
};

/* What follows "(?" in RE2: a plain or named group, or flags. */
static bool
group_is_plain(const char *p)
{
    if (*p == ':' || g_str_has_prefix(p, "P<"))
        return true;
    if (*p == '<')
        return p[1] != '=' && p[1] != '!';
    p += strspn(p, "imsU-");
    return *p == ':' || *p == ')';
}

/* The end of the character class that starts at `p`, or the end of the pattern. */
static const char *
skip_class(const char *p)
{
    p++;
    if (*p == '^')
        p++;
    if (*p == ']')
        p++;
    while (*p != '\0' && *p != ']') {
        if (g_str_has_prefix(p, "[:")) {
            const char *close = strstr(p, ":]");
            p = close != NULL ? close + 2 : p + 1;
        } else {
            p += *p == '\\' && p[1] != '\0' ? 2 : 1;
        }
    }
    return p;
}

/* The first place that goes beyond RE2, or NULL. */
static const char *
find_foreign(const char *pattern)
{
    for (const char *p = pattern; *p != '\0'; p++) {
        if (g_str_has_prefix(p, "\\Q")) {
            const char *quote_end = strstr(p, "\\E");
            if (quote_end == NULL)
                return NULL;
            p = quote_end + 1;
        } else if (*p == '\\') {
            if (p[1] != '\0' && strchr("123456789gkKRXGhHNoZ", p[1]) != NULL)
                return p;
            p += p[1] != '\0';
        } else if (*p == '[') {
            p = skip_class(p);
            if (*p == '\0')
                return NULL;
        } else if (*p == '(' && (p[1] == '*' || (p[1] == '?' && !group_is_plain(p + 2)))) {
            return p;
        }
    }
    return NULL;
}

static bool
compile(Regex *regex, uint32_t options, GError **error)
{
    const char *foreign = find_foreign(regex->pattern);
    if (foreign != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "regular expression '%s': position %td: not part of RE2's syntax",
                         regex->pattern, foreign - regex->pattern + 1);
    int code = 0;
    PCRE2_SIZE at = 0;
    options |= PCRE2_UTF | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    regex->code =
        pcre2_compile((PCRE2_SPTR)regex->pattern, PCRE2_ZERO_TERMINATED, options, &code, &at, NULL);
    if (regex->code == NULL) {
        PCRE2_UCHAR text[160];
        pcre2_get_error_message(code, text, sizeof text);
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "regular expression '%s': position %zu: %s", regex->pattern, at + 1,
                         (const char *)text);
    }
    /* Where the JIT cannot run, the interpreter takes over by itself. */
    pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    return true;
}

static Regex *
create(const char *pattern, uint32_t options, GError **error)
{
    if (strlen(pattern) > REGEX_PATTERN_BYTES_MAX) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "regular expression of %zu bytes: at most %d are allowed", strlen(pattern),
                  REGEX_PATTERN_BYTES_MAX);
        return NULL;
    }
    g_autoptr(Regex) regex = g_new0(Regex, 1);
    regex->pattern = g_strdup(pattern);
    if (!compile(regex, options, error))
        return NULL;
    regex->match = pcre2_match_data_create(1, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    g_assert(regex->match != NULL && regex->limits != NULL);
    pcre2_set_match_limit(regex->limits, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(regex->limits, REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(regex->limits, REGEX_HEAP_LIMIT_KIB);
    regex->outcomes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return g_steal_pointer(&regex);
}

Regex *
regex_new(const char *pattern, GError **error)
{
    return create(pattern, WHOLE | PCRE2_NO_AUTO_CAPTURE, error);
}

Regex *
regex_new_with_groups(const char *pattern, GError **error)
{
    return create(pattern, WHOLE, error);
}

Regex *
regex_new_anywhere(const char *pattern, GError **error)
{
    return create(pattern, PCRE2_NO_AUTO_CAPTURE, error);
}

void
regex_free(Regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_code_free(regex->code);
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->limits);
    g_clear_pointer(&regex->outcomes, g_hash_table_unref);
    g_free(regex->pattern);
    g_free(regex);
}

static bool
run(Regex *regex, const char *value, size_t length)
{
    int result = pcre2_match(regex->code, (PCRE2_SPTR)value, length, 0, PCRE2_NO_UTF_CHECK,
                             regex->match, regex->limits);
    /* 0 only says that the groups did not fit in the match data. */
    if (result >= 0)
        return true;
    if (result != PCRE2_ERROR_NOMATCH)
        regex->hit_limit = true;
    return false;
}

bool
regex_match(Regex *regex, const char *value)
{
    /* The query fails anyhow: further values would only cost as many steps each. */
    if (regex->hit_limit)
        return false;
    int known = GPOINTER_TO_INT(g_hash_table_lookup(regex->outcomes, value));
    if (known != 0)
        return known == 2;
    size_t length = strlen(value);
    bool matched = run(regex, value, length);
    if (regex->cache_bytes + length > REGEX_CACHE_BYTES_MAX) {
        g_hash_table_remove_all(regex->outcomes);
        regex->cache_bytes = 0;
    }
    /* 64 bytes stand for the table's own cost of one entry. */
    regex->cache_bytes += length + 64;
    g_hash_table_insert(regex->outcomes, g_strdup(value), GINT_TO_POINTER(matched ? 2 : 1));
    return matched;
}

const char *
regex_pattern(const Regex *regex)
{
    return regex->pattern;
}

bool
regex_hit_limit(const Regex *regex)
{
    return regex->hit_limit;
}

/* ---- Groups. ---- */

struct RegexMatch {
    const Regex *regex;
    const char *value;
    pcre2_match_data *data;
};

bool
regex_find(const Regex *regex, const char *value, RegexMatch **ret_match, GError **error)
{
    g_autoptr(RegexMatch) match = g_new0(RegexMatch, 1);
    *match = (RegexMatch){regex, value, pcre2_match_data_create_from_pattern(regex->code, NULL)};
    g_assert(match->data != NULL);
    *ret_match = NULL;
    int result = pcre2_match(regex->code, (PCRE2_SPTR)value, strlen(value), 0, PCRE2_NO_UTF_CHECK,
                             match->data, regex->limits);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "regular expression '%s' needs too many steps; write it simpler",
                         regex->pattern);
    if (result >= 0)
        *ret_match = g_steal_pointer(&match);
    return true;
}

void
regex_match_free(RegexMatch *match)
{
    if (match == NULL)
        return;
    pcre2_match_data_free(match->data);
    g_free(match);
}

/* The number of a group by its number or name; -1 when there is none. */
static int
group_number(const RegexMatch *match, const char *name)
{
    guint64 number = 0;
    if (g_ascii_string_to_unsigned(name, 10, 0, pcre2_get_ovector_count(match->data) - 1, &number,
                                   NULL))
        return (int)number;
    int found = pcre2_substring_number_from_name(match->regex->code, (PCRE2_SPTR)name);
    return found > 0 ? found : -1;
}

static void
append_group(const RegexMatch *match, const char *name, GString *out)
{
    int group = group_number(match, name);
    if (group < 0)
        return;
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(match->data) + 2 * (size_t)group;
    if (ends[0] != PCRE2_UNSET)
        g_string_append_len(out, match->value + ends[0], (gssize)(ends[1] - ends[0]));
}

/* The name of a group behind a '$', and where the text goes on behind it; NULL when it is none. */
static char *
read_group_name(const char *text, const char **ret_rest)
{
    bool is_braced = *text == '{';
    const char *name = text + is_braced;
    size_t length = 0;
    while (g_ascii_isalnum(name[length]) || name[length] == '_')
        length++;
    if (length == 0 || (is_braced && name[length] != '}'))
        return NULL;
    *ret_rest = name + length + is_braced;
    return g_strndup(name, length);
}

void
regex_match_expand(const RegexMatch *match, const char *text, size_t bytes_max, GString *out)
{
    while (*text != '\0' && out->len <= bytes_max) {
        size_t plain = strcspn(text, "$");
        g_string_append_len(out, text, (gssize)plain);
        text += plain;
        if (*text == '\0')
            break;
        text++;
        g_autofree char *name = *text != '$' ? read_group_name(text, &text) : NULL;
        if (name != NULL) {
            append_group(match, name, out);
            continue;
        }
        g_string_append_c(out, '$');
        text += *text == '$';
    }
}
