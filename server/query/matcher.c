#include "server/query/matcher.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/regex.h"

typedef enum { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX } MatchKind;

typedef struct {
    MatchKind kind;
    char *name, *value;
    Regex *regex; /* of the regex kinds */
} Matcher;

struct MatcherSet {
    GArray *matchers; /* Matcher */
};

enum { SELECTOR_MATCHERS_MAX = 256 };

static void
matcher_clear(void *data)
{
    Matcher *matcher = data;
    g_free(matcher->name);
    g_free(matcher->value);
    regex_free(matcher->regex);
}

static MatcherSet *
set_new(void)
{
    MatcherSet *set = g_new0(MatcherSet, 1);
    set->matchers = g_array_new(FALSE, TRUE, sizeof(Matcher));
    g_array_set_clear_func(set->matchers, matcher_clear);
    return set;
}

void
matcher_set_free(MatcherSet *set)
{
    if (set == NULL)
        return;
    g_array_unref(set->matchers);
    g_free(set);
}

/* ---- The parser. ---- */

typedef struct {
    const char *text, *at;
    MatcherSet *set;
    GError **error;
} Parser;

static bool
fail_at(Parser *parser, const char *at, const char *what)
{
    error_set(parser->error, CRESSET_ERROR_INVALID_ARGUMENT, "label selector: position %td: %s",
              at - parser->text + 1, what);
    return false;
}

static void
skip_space(Parser *parser)
{
    parser->at += strspn(parser->at, " \t\r\n");
}

static bool
is_name_char(char c, bool is_first)
{
    return g_ascii_isalpha(c) || c == '_' || (!is_first && g_ascii_isdigit(c));
}

/* Takes an unquoted name; metric names may contain colons. NULL when there is none. */
static char *
take_name(Parser *parser, bool is_metric)
{
    const char *start = parser->at;
    while (is_name_char(*parser->at, parser->at == start) || (is_metric && *parser->at == ':'))
        parser->at++;
    return parser->at == start ? NULL : g_strndup(start, (gsize)(parser->at - start));
}

/* Appends the number of `n_digits` digits at parser->at: as a character or as a byte. */
static bool
take_number_escape(Parser *parser, GString *out, unsigned base, unsigned n_digits, bool is_char)
{
    const char *start = parser->at;
    uint32_t code = 0;
    for (unsigned i = 0; i < n_digits; i++, parser->at++) {
        int digit = g_ascii_xdigit_value(*parser->at);
        if (digit < 0 || (unsigned)digit >= base)
            return fail_at(parser, parser->at, "wrong digit in an escape sequence");
        code = code * base + (unsigned)digit;
    }
    if (code == 0 || (is_char ? !g_unichar_validate(code) : code > 255))
        return fail_at(parser, start, "the escape sequence is not a character");
    if (is_char)
        g_string_append_unichar(out, code);
    else
        g_string_append_c(out, (char)code);
    return true;
}

/* Takes the escape sequence behind a backslash (https://go.dev/ref/spec#String_literals). */
static bool
take_escape(Parser *parser, GString *out)
{
    static const char FROM[] = "abfnrtv\\'\"", TO[] = "\a\b\f\n\r\t\v\\'\"";
    char c = *parser->at;
    const char *simple = c == '\0' ? NULL : strchr(FROM, c);
    if (simple != NULL) {
        g_string_append_c(out, TO[simple - FROM]);
        parser->at++;
        return true;
    }
    if (c >= '0' && c <= '7')
        return take_number_escape(parser, out, 8, 3, false);
    parser->at++;
    switch (c) {
    case 'x':
        return take_number_escape(parser, out, 16, 2, false);
    case 'u':
        return take_number_escape(parser, out, 16, 4, true);
    case 'U':
        return take_number_escape(parser, out, 16, 8, true);
    default:
        return fail_at(parser, parser->at - 1, "unknown escape sequence");
    }
}

/* Takes a string in "", '' or ``; NULL and an error when it is not well-formed. */
static char *
take_string(Parser *parser)
{
    const char *start = parser->at;
    char quote = *start;
    if (quote != '"' && quote != '\'' && quote != '`') {
        fail_at(parser, start, "expected a quoted string");
        return NULL;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    for (parser->at++; *parser->at != quote;) {
        if (*parser->at == '\0') {
            fail_at(parser, start, "the string has no end");
            return NULL;
        }
        if (*parser->at != '\\' || quote == '`') {
            g_string_append_c(out, *parser->at++);
            continue;
        }
        parser->at++;
        if (!take_escape(parser, out))
            return NULL;
    }
    parser->at++;
    if (!g_utf8_validate(out->str, (gssize)out->len, NULL)) {
        fail_at(parser, start, "the string is not valid UTF-8");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static bool
take_operator(Parser *parser, MatchKind *ret_kind)
{
    static const struct {
        const char *text;
        MatchKind kind;
    } OPERATORS[] = {
        {"=~", MATCH_REGEX}, {"!~", MATCH_NOT_REGEX}, {"!=", MATCH_NOT_EQUAL}, {"=", MATCH_EQUAL}};
    for (size_t i = 0; i < G_N_ELEMENTS(OPERATORS); i++) {
        if (!g_str_has_prefix(parser->at, OPERATORS[i].text))
            continue;
        parser->at += strlen(OPERATORS[i].text);
        *ret_kind = OPERATORS[i].kind;
        return true;
    }
    return fail_at(parser, parser->at, "expected =, !=, =~ or !~ behind the label name");
}

/* Adds a matcher; owns `name` and `value`. */
static bool
add(Parser *parser, MatchKind kind, char *name, char *value)
{
    Matcher matcher = {.kind = kind, .name = name, .value = value};
    g_array_append_val(parser->set->matchers, matcher);
    if (parser->set->matchers->len > SELECTOR_MATCHERS_MAX)
        return fail_at(parser, parser->at, "too many matchers");
    if (kind != MATCH_REGEX && kind != MATCH_NOT_REGEX)
        return true;
    Regex *regex = regex_new(value, parser->error);
    if (regex == NULL) {
        g_prefix_error(parser->error, "label selector: label '%s': ", name);
        return false;
    }
    g_array_index(parser->set->matchers, Matcher, parser->set->matchers->len - 1).regex = regex;
    return true;
}

/* Takes name, operator and value, or a quoted metric name alone. */
static bool
take_matcher(Parser *parser)
{
    const char *start = parser->at;
    bool is_quoted = *start == '"' || *start == '\'' || *start == '`';
    g_autofree char *name = is_quoted ? take_string(parser) : take_name(parser, false);
    if (name == NULL)
        return is_quoted ? false : fail_at(parser, start, "expected a label name");
    if (*name == '\0')
        return fail_at(parser, start, "the label name is empty");
    skip_space(parser);
    if (is_quoted && (*parser->at == ',' || *parser->at == '}'))
        return add(parser, MATCH_EQUAL, g_strdup("__name__"), g_steal_pointer(&name));
    MatchKind kind;
    if (!take_operator(parser, &kind))
        return false;
    skip_space(parser);
    char *value = take_string(parser);
    return value != NULL && add(parser, kind, g_steal_pointer(&name), value);
}

/* Takes the matchers between the braces, with the closing one. */
static bool
take_matchers(Parser *parser)
{
    for (;;) {
        skip_space(parser);
        if (*parser->at == '}')
            break;
        if (!take_matcher(parser))
            return false;
        skip_space(parser);
        if (*parser->at == '}')
            break;
        if (*parser->at != ',')
            return fail_at(parser, parser->at, "expected ',' or '}'");
        parser->at++;
    }
    parser->at++;
    return true;
}

static bool
parse_into(MatcherSet *set, const char *selector, GError **error)
{
    Parser parser = {.text = selector, .at = selector, .set = set, .error = error};
    if (!g_utf8_validate(selector, -1, NULL))
        return fail_at(&parser, selector, "the selector is not valid UTF-8");
    skip_space(&parser);
    char *metric = take_name(&parser, true);
    if (metric != NULL && !add(&parser, MATCH_EQUAL, g_strdup("__name__"), metric))
        return false;
    skip_space(&parser);
    if (*parser.at == '{') {
        parser.at++;
        if (!take_matchers(&parser))
            return false;
        skip_space(&parser);
    }
    return *parser.at == '\0' ||
           fail_at(&parser, parser.at, "expected '{' or the end of the selector");
}

MatcherSet *
matcher_set_parse(const char *selector, GError **error)
{
    g_autoptr(MatcherSet) set = set_new();
    return parse_into(set, selector, error) ? g_steal_pointer(&set) : NULL;
}

MatcherSet *
matcher_set_parse_all(const char *const *selectors, GError **error)
{
    g_autoptr(MatcherSet) set = set_new();
    for (size_t i = 0; selectors != NULL && selectors[i] != NULL; i++) {
        if (!parse_into(set, selectors[i], error))
            return NULL;
    }
    return g_steal_pointer(&set);
}

/* ---- Matching. ---- */

static bool
matches(const Matcher *matcher, const char *value)
{
    switch (matcher->kind) {
    case MATCH_EQUAL:
        return strcmp(matcher->value, value) == 0;
    case MATCH_NOT_EQUAL:
        return strcmp(matcher->value, value) != 0;
    case MATCH_REGEX:
        return regex_match(matcher->regex, value);
    case MATCH_NOT_REGEX:
        return !regex_match(matcher->regex, value);
    }
    g_assert_not_reached();
}

bool
matcher_set_match(const MatcherSet *set, const Labels *labels)
{
    for (guint i = 0; i < set->matchers->len; i++) {
        const Matcher *matcher = &g_array_index(set->matchers, Matcher, i);
        const char *value = labels_get(labels, matcher->name);
        if (!matches(matcher, value != NULL ? value : ""))
            return false;
    }
    return true;
}

static bool
matches_shared(const Matcher *matcher, const char *value)
{
    if (matcher->regex == NULL)
        return matches(matcher, value);
    g_autoptr(RegexMatch) match = NULL;
    return regex_find(matcher->regex, value, &match, NULL) &&
           (match != NULL) == (matcher->kind == MATCH_REGEX);
}

bool
matcher_set_match_shared(const MatcherSet *set, const Labels *labels)
{
    for (guint i = 0; i < set->matchers->len; i++) {
        const Matcher *matcher = &g_array_index(set->matchers, Matcher, i);
        const char *value = labels_get(labels, matcher->name);
        if (!matches_shared(matcher, value != NULL ? value : ""))
            return false;
    }
    return true;
}

bool
matcher_set_check(const MatcherSet *set, GError **error)
{
    for (guint i = 0; i < set->matchers->len; i++) {
        const Matcher *matcher = &g_array_index(set->matchers, Matcher, i);
        if (matcher->regex != NULL && regex_hit_limit(matcher->regex))
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "label selector: label '%s': regular expression '%s' needs too many "
                             "steps; write it simpler",
                             matcher->name, regex_pattern(matcher->regex));
    }
    return true;
}

const char *
matcher_set_service(const MatcherSet *set)
{
    for (guint i = 0; i < set->matchers->len; i++) {
        const Matcher *matcher = &g_array_index(set->matchers, Matcher, i);
        if (matcher->kind == MATCH_EQUAL && strcmp(matcher->name, "service_name") == 0 &&
            *matcher->value != '\0')
            return matcher->value;
    }
    return NULL;
}

bool
matcher_set_names(const MatcherSet *set, const char *name)
{
    for (guint i = 0; i < set->matchers->len; i++) {
        if (strcmp(g_array_index(set->matchers, Matcher, i).name, name) == 0)
            return true;
    }
    return false;
}

unsigned
matcher_set_equal_value(const MatcherSet *set, const char *name, char **ret_value)
{
    unsigned n = 0;
    for (guint i = 0; i < set->matchers->len; i++) {
        const Matcher *matcher = &g_array_index(set->matchers, Matcher, i);
        if (matcher->kind != MATCH_EQUAL || strcmp(matcher->name, name) != 0)
            continue;
        g_free(*ret_value);
        *ret_value = g_strdup(matcher->value);
        n++;
    }
    return n;
}
