#include "lib/base/redact.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/bounded_regex.h"

#define REDACTED "[redacted]"
#define KEYS                                                                                       \
    "(?:pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|token|api[_-]?key|"        \
    "access[_-]?key(?:[_-]?id)?|private[_-]?key|account[_-]?key|client[_-]?secret|"                \
    "connection[_-]?string|dsn|credentials?|set-cookie|cookie)"
/* Between a key and its value. Before a colon there are spaces only in JSON, where a value is
 * quoted: `volume "token" : not found` is prose. */
#define IS "(?:\\\\?[\"']?(?:[:=]|\\s{1,8}=)\\s{0,8}|\\\\?[\"']\\s{1,8}:\\s{0,8}(?=\\\\?[\"']))"
/* Words of errors, as in "token: unexpected status", that no secret is. */
#define NO_VALUE                                                                                   \
    "(?!(?:unexpected|failed|failure|invalid|not|no|error|rpc|context|unauthorized|forbidden|"     \
    "missing|expired|unknown|cannot|could|the|a|an|is|was|Get|Post)[\\s:,])"
#define VALUE                                                                                      \
    NO_VALUE                                                                                       \
    "(?:\\\\\"(?:[^\"\\\\]|\\\\(?!\"))*+(?:\\\\\")?|\"(?:[^\"\\\\]|\\\\.)*+\"?|'[^']*+'?|"         \
    "[^\\s\"',;&]+)"

typedef struct {
    const char *pattern;     /* its one group is kept before the replacement */
    const char *replacement; /* NULL: REDACTED */
    /* Whether a match is one after all; NULL: always. */
    bool (*judge)(const char *match, size_t size);
} SecretRow;

static bool
has_letters_and_digits(const char *match, size_t size)
{
    bool has_digit = false, has_letter = false;
    for (size_t i = 0; i < size; i++) {
        has_digit |= g_ascii_isdigit(match[i]);
        has_letter |= g_ascii_isalpha(match[i]);
    }
    return has_digit && has_letter;
}

/* Upper, lower, digit, other. */
static unsigned
class_of(char c)
{
    return g_ascii_isupper(c) ? 1U : g_ascii_islower(c) ? 2U : g_ascii_isdigit(c) ? 4U : 8U;
}

/* Random base64 changes between capitals, small letters and digits at two of three characters,
 * paths and names of classes at one of five. */
static bool
looks_random(const char *match, size_t size)
{
    enum { ALL = 1 | 2 | 4, CHANGES_PERCENT = 40 };
    unsigned seen = 0;
    size_t n_changes = 0;
    for (size_t i = 0; i < size; i++) {
        seen |= class_of(match[i]);
        n_changes += i > 0 && class_of(match[i]) != class_of(match[i - 1]);
    }
    return (seen & ALL) == ALL && n_changes * 100 >= (size - 1) * CHANGES_PERCENT;
}

/* The check digit of ISO/IEC 7812-1, by Luhn. */
static bool
is_card(const char *match, size_t size)
{
    unsigned sum = 0, n = 0;
    for (size_t i = size; i > 0; i--) {
        if (!g_ascii_isdigit(match[i - 1]))
            continue;
        unsigned digit = (unsigned)g_ascii_digit_value(match[i - 1]) * (1 + n % 2);
        sum += digit / 10 + digit % 10;
        n++;
    }
    return sum % 10 == 0;
}

/* Forms of keys: as their issuers document them. Quantifiers are bounded or possessive. */
static const SecretRow rows[] = {
    {"()-----BEGIN [A-Z0-9 ]{1,40}-----(?:[^-]|-(?!----))*+(?:-----END [A-Z0-9 ]{1,40}-----)?",
     NULL, NULL},
    {"()(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+\\.[A-Za-z0-9_-]++(?:\\.[A-Za-z0-9_-]*+)?", NULL,
     NULL},
    {"(?i)(authorization" IS "(?:[a-z0-9-]{1,30} )?)" VALUE, NULL, NULL},
    {"(?i)(" KEYS IS "(?:bearer |basic )?)" VALUE, NULL, NULL},
    {"(://[^/\\s:@\"']{0,256}:)[^@\\s\"']{1,512}+(?=@)", NULL, NULL},
    {"(://)[^/\\s:@\"']{1,256}+(?=@)", NULL, NULL},
    {"(?i)(\\bbearer )[a-z0-9._~+/=-]{8,}+", NULL, NULL},
    {"(\\b[Bb]asic )(?=[a-z]{0,64}[0-9A-Z=])[A-Za-z0-9+/]{8,}+={0,2}", NULL, NULL},
    {"()\\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\\b", NULL, NULL}, /* AWS */
    {"()AIza[0-9A-Za-z_-]{35}", NULL, NULL},                     /* Google */
    {"()(?:gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+)", NULL, NULL},
    {"()glpat-[A-Za-z0-9_-]{16,}+", NULL, NULL},                                       /* GitLab */
    {"()xox[abeoprs]-[A-Za-z0-9-]{10,}+|xapp-[A-Za-z0-9-]{20,}+", NULL, NULL},         /* Slack */
    {"()(?<![A-Za-z0-9])sk-(?=[a-z0-9_-]{0,64}[A-Z])[A-Za-z0-9_-]{16,}+", NULL, NULL}, /* OpenAI */
    {"()\\b(?:hvs\\.[A-Za-z0-9_-]{20,}+|npm_[A-Za-z0-9]{30,}+)", NULL, NULL}, /* Vault, npm */
    {"(hooks\\.slack\\.com/|discord(?:app)?\\.com/api/webhooks/)[^\\s\"'<>]++", NULL, NULL},
    {"(?i)([?&;](?:sig|x-amz-signature|x-goog-signature|x-amz-credential)=)[^&\\s\"']++", NULL,
     NULL},
    {"()(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){"
     "1,8}",
     NULL, NULL},
    {"((?:sha1|sha256|sha384|sha512):[0-9a-f]{12})[0-9a-f]{16,}+", "…", NULL},
    {"()(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}+(?![0-9A-Za-z])", NULL, has_letters_and_digits},
    {"()[A-Za-z0-9+/_=-]{32,}+", NULL, looks_random},
    {"()(?<![0-9A-Za-z.:_-])[2-6](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z.:_-])", NULL, is_card},
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

static gboolean
replace_match(const GMatchInfo *match, GString *out, gpointer data)
{
    const SecretRow *row = data;
    g_autofree char *all = g_match_info_fetch(match, 0);
    if (row->judge != NULL && !row->judge(all, strlen(all))) {
        g_string_append(out, all);
        return FALSE;
    }
    g_autofree char *kept = g_match_info_fetch(match, 1);
    g_string_append(out, kept != NULL ? kept : "");
    g_string_append(out, row->replacement != NULL ? row->replacement : REDACTED);
    return FALSE;
}

/* NULL when a limit was hit. */
static char *
replace_row(const GRegex *regex, const SecretRow *row, char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = text;
    bool found = g_regex_match_full(regex, text, -1, 0, G_REGEX_MATCH_DEFAULT, NULL, &error);
    if (!found)
        return error == NULL ? g_steal_pointer(&before) : NULL;
    return g_regex_replace_eval(regex, text, -1, 0, G_REGEX_MATCH_DEFAULT, replace_match,
                                (gpointer)(uintptr_t)row, NULL);
}

char *
redact(const char *text)
{
    static GOnce once = G_ONCE_INIT;
    GRegex *const *compiled = g_once(&once, compile_rows, NULL);
    char *redacted = g_utf8_make_valid(text, (gssize)strnlen(text, REDACT_BYTES_MAX));
    for (size_t i = 0; i < G_N_ELEMENTS(rows) && redacted != NULL; i++)
        redacted = replace_row(compiled[i], &rows[i], redacted);
    return redacted != NULL ? redacted : g_strdup(REDACTED);
}
