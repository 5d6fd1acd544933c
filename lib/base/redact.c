#include "lib/base/redact.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/bounded_regex.h"

#define REDACTED "[redacted]"
#define KEYS                                                                                       \
    "(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|token|api[_-]?key|"   \
    "access[_-]?key(?:[_-]?id)?|"                                                                  \
    "(?:private|account|encryption|signing|master|session|license)[_-]?key|session[_-]?id|"        \
    "client[_-]?secret|connection[_-]?string|dsn|credentials?|set-cookie|cookie)"                  \
    "(?:_(?:base|value|hash|data|[0-9]{1,3})|[0-9]{1,2})?"
/* Colours of a terminal around a key. */
#define COLOUR "(?:\\x1b\\[[0-9;]{0,16}m)?"
/* Between a key and its value. Before a colon there are spaces only in JSON, where a value is
 * quoted: `volume "token" : not found` is prose. */
#define IS                                                                                         \
    "(?:" COLOUR "\\\\?[\"']?" COLOUR "(?>=>|:=|::|==|[:=]|\\s{1,8}(?:=>|:=|==|=))\\s{0,8}+|"      \
    "\\\\?[\"']\\s{1,8}:\\s{0,8}+(?=\\\\?[\"']))"
/* Words of errors and of prose, as in "token: unexpected status", that no secret is; and what was
 * taken out before. */
#define NO_VALUE                                                                                   \
    "(?!\\[redacted\\]|"                                                                           \
    "(?:unexpected|failed|failure|invalid|not|no|error|rpc|context|unauthorized|forbidden|"        \
    "missing|expired|unknown|cannot|could|the|a|an|is|was|Get|Post|yes|true|false|null|none|nil|"  \
    "required|wrong|incorrect|empty|or|and|must|should|has|flag|option|to|for|from|in|of|with|on)" \
    "(?:[\\s:,.)\\]};&]|$))"
#define QUOTED                                                                                     \
    "(?:\\\\\"(?:[^\"\\\\]|\\\\(?!\"))*+(?:\\\\\")?|\"(?:[^\"\\\\]|\\\\.)*+\"?|'[^']*+'?)"
/* Goes on behind a comma and the like, unless another key follows. */
#define BARE "[^\\s\"',;&]++(?:[,;&][^\\s\"',;&=:]++(?![=:]))*+"
/* b'…' and Secret("…") are how programs print some. */
#define VALUE NO_VALUE "(?:(?:[a-z_.]{1,40}\\(|[bru]{1,2})?" QUOTED "|" BARE ")"

/* Of the header Authorization. */
#define SCHEMES "(?:basic|bearer|token|digest|negotiate|ntlm|apikey|oauth|aws4-hmac-sha256)"
#define PEM_PATTERN                                                                                \
    "()-----BEGIN [A-Z0-9 ]{1,40}-----(?:[^-]|-(?!----))*+(?:-----END [A-Z0-9 ]{1,40}-----)?"
/* The rest of one whose begin is not there: lines of base64, each behind what a logger writes. */
#define PEM_REST_PATTERN                                                                           \
    "(?m)()(?:^(?:[^\\n]{0,80} )?[A-Za-z0-9+/]{40,76}+\\r?\\n){0,64}+"                             \
    "^(?:[^\\n]{0,80} )?[A-Za-z0-9+/]{1,76}+={0,2}\\r?\\n"                                         \
    "(?:[^\\n]{0,80} )?-----END [A-Z0-9 ]{1,40}-----"

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
    {PEM_PATTERN, NULL, NULL},
    {"()(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+(?:\\.[A-Za-z0-9_-]*+){1,4}", NULL, NULL},
    {"(?i)(cookie" IS ")" NO_VALUE "(?:" QUOTED "|[^\\r\\n\"'\\\\\\]}]++)", NULL, NULL},
    {"(?i)(authorization" IS "\\[?digest )(?!\\[redacted\\])[^\\r\\n\\]]++", NULL, NULL},
    {"(?i)(authorization" IS "\\[?" SCHEMES " )" VALUE, NULL, NULL},
    {"(?i)(authorization" IS ")(?!\\[?" SCHEMES " )" NO_VALUE "(?:" QUOTED "|[^\\r\\n\"',\\]}]++)",
     NULL, NULL},
    {"(?i)(" KEYS IS "(?:bearer |basic )?)" VALUE, NULL, NULL},
    /* {"name":"DB_PASSWORD","value":"…"}, <password>…</password> */
    {"(?i)(name\\\\?[\"']?\\s{0,2}:\\s{0,2}\\\\?[\"']?[a-z0-9_.-]{0,64}?" KEYS
     "\\\\?[\"']?,\\s{0,8}\\\\?[\"']?value\\\\?[\"']?\\s{0,2}:\\s{0,2})" VALUE,
     NULL, NULL},
    {"(?i)(<[a-z0-9_:.-]{0,40}?" KEYS "(?: [^<>]{0,80})?>)(?!\\[redacted\\])[^<]{1,4096}+", NULL,
     NULL},
    /* .dockerconfigjson */
    {"(?i)(\"auth\\\\?\"\\s{0,2}:\\s{0,2}\\\\?\")[A-Za-z0-9+/]{8,}+={0,2}", NULL, NULL},
    /* Options of commands, statements of SQL, .netrc, SMTP, redis.conf. */
    {"(?i)((?<![a-z0-9])--?[a-z0-9-]{0,40}?(?:pass(?:word|wd|phrase)?|token|secret|api-?key|"
     "secret-?key|requirepass|masterauth)\\s{1,4})(?!-)" VALUE,
     NULL, NULL},
    {"(?i)(\\b(?:requirepass|masterauth)\\s{1,4})" VALUE, NULL, NULL},
    {"(\\s(?:-u|--user)[ =]{0,2}[\"']?[^\\s:\"']{1,128}+:)(?!\\[redacted\\])[^\\s\"']{1,512}+",
     NULL, NULL},
    {"(\\bsshpass -p ?|\\bmysql[a-z]{0,8} (?:[^\\s]{1,80} ){0,10}?-p)(?!\\[redacted\\])"
     "[^\\s\"']{1,256}+",
     NULL, NULL},
    {"(?i)(\\bidentified (?:with [^\\s]{1,64} )?(?:by|as) |\\bpass(?:word|wd|phrase) )"
     "(?:'[^'\\n]*+'?|\"[^\"\\n]*+\"?)",
     NULL, NULL},
    {"(\\blogin [^\\s]{1,128}+ password )(?!\\[redacted\\])[^\\s]{1,256}+", NULL, NULL},
    {"(?i)(\\bauth (?:plain|login|xoauth2) )[A-Za-z0-9+/]{8,}+={0,2}", NULL, NULL},
    /* Credentials in addresses; a password may have an @. */
    {"(://[^/\\s:@\"']{0,256}:)(?!\\[redacted\\]@)[^@\\s\"']{1,512}+"
     "(?:@[^@/\\s\"'?#]{0,256}+(?=@))*+(?=@)",
     NULL, NULL},
    {"(://)(?!\\[redacted\\]@)[^/\\s:@\"']{1,256}+(?=@)", NULL, NULL},
    {"((?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]{1,64}+:)(?!\\[redacted\\]@)[^\\s\"'/()]{1,256}"
     "(?=@(?:tcp6?|udp|unix|tls)?\\()",
     NULL, NULL}, /* of Go's driver of MySQL */
    {"(jdbc:oracle:[a-z]{1,8}:[^/\\s@\"']{1,64}/)(?!\\[redacted\\]@)[^@\\s\"']{1,256}+(?=@)", NULL,
     NULL},
    {"(?i)(\\bbearer )[a-z0-9._~+/=-]{8,}+", NULL, NULL},
    {"(\\b[Bb]asic )(?=[a-z]{0,64}[0-9A-Z=])[A-Za-z0-9+/]{8,}+={0,2}", NULL, NULL},
    {"()\\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\\b", NULL, NULL}, /* AWS */
    {"()(?:AIza[0-9A-Za-z_-]{35}|\\bya29\\.[0-9A-Za-z_-]{16,}+|\\bGOCSPX-[0-9A-Za-z_-]{16,}+)",
     NULL, NULL},                                                      /* Google */
    {"()[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", NULL, NULL}, /* Azure */
    {"()(?:gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+)", NULL, NULL},
    {"()\\bgl(?:pat|dt|rt|cbt|ptt|ft|agent|imt|oas|soat|ffct)-[A-Za-z0-9_-]{16,}+", NULL,
     NULL},                                                                            /* GitLab */
    {"()xox[abeoprs]-[A-Za-z0-9-]{10,}+|xapp-[A-Za-z0-9-]{20,}+", NULL, NULL},         /* Slack */
    {"()(?<![A-Za-z0-9])sk-(?=[a-z0-9_-]{0,64}[A-Z])[A-Za-z0-9_-]{16,}+", NULL, NULL}, /* OpenAI */
    {"()\\b(?:hv[sbr]\\.[A-Za-z0-9_-]{20,}+|s\\.[A-Za-z0-9]{24}\\b)", NULL, NULL},     /* Vault */
    {"()\\bSG\\.[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{16,}+", NULL, NULL}, /* SendGrid */
    {"()(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}+", NULL, NULL},        /* Telegram */
    {"()\\b(?:AC|SK|dapi)[0-9a-f]{32}\\b", NULL, NULL},                   /* Twilio, Databricks */
    /* npm, Stripe, Grafana, Hugging Face, Docker, Shopify, PyPI, Atlassian, age, Sentry, Linear */
    {"()\\b(?:npm_|[rs]k_(?:live|test)_|whsec_|glsa_|glc_|hf_|dckr_[a-z]{3}_|shp[a-z]{2}_|pypi-|"
     "ATATT3|AGE-SECRET-KEY-|sntrys_|lin_api_)[A-Za-z0-9_=-]{16,}+",
     NULL, NULL},
    {"(?i)(\\btoken[ \"':=]{1,4})[a-z0-9]{6}\\.[a-z0-9]{16}\\b", NULL, NULL}, /* of kubeadm */
    {"()\\$(?:2[abxy]|5|6|y|argon2[id]{1,2}|pbkdf2[a-z0-9-]{0,16})\\$[A-Za-z0-9./$=,+-]{16,}+",
     NULL, NULL}, /* hashes of passwords */
    {"(hooks\\.slack\\.com/|discord(?:app)?\\.com/api/webhooks/|outlook\\.office\\.com/webhook/|"
     "webhook\\.office\\.com/webhookb2/)(?!\\[redacted\\])[^\\s\"'<>]++",
     NULL, NULL},
    {"(?i)([?&;](?:sig|signature|x-amz-signature|x-goog-signature|x-amz-credential)=)[^&\\s\"']++",
     NULL, NULL},
    {"(?i)(\\bsignature=[\"']?)(?!\\[redacted\\])[a-z0-9+/_%=-]{8,}+", NULL, NULL},
    /* RFC 5802: what a server keeps, and the proof of a client. */
    {"()\\bSCRAM-SHA-[0-9]{1,3}\\$[0-9]{1,9}:[A-Za-z0-9+/=:$]{8,}+", NULL, NULL},
    {"(\\bc=[A-Za-z0-9+/=]{1,256},r=[^\\s,]{1,256},p=)(?!\\[redacted\\])[A-Za-z0-9+/=]{8,}+", NULL,
     NULL},
    {"()(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){"
     "1,8}",
     NULL, NULL},
    {"((?:sha1|sha256|sha384|sha512):[0-9a-f]{12})[0-9a-f]{16,}+", "…", NULL},
    {"()(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}+(?![0-9A-Za-z])", NULL, has_letters_and_digits},
    {"()[A-Za-z0-9+/_=-]{32,}+", NULL, looks_random},
    {"()(?<![0-9A-Za-z.:_-])[2-6](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z.:_-])", NULL, is_card},
};

static const SecretRow block_rows[] = {{PEM_PATTERN, NULL, NULL}, {PEM_REST_PATTERN, NULL, NULL}};

static GRegex **
compile_rows(const SecretRow *secrets, size_t n)
{
    GRegex **compiled = g_new0(GRegex *, n);
    for (size_t i = 0; i < n; i++)
        compiled[i] = bounded_regex_new(secrets[i].pattern);
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

/* Takes `text`. */
static char *
replace_rows(GRegex *const *compiled, const SecretRow *secrets, size_t n, char *text)
{
    for (size_t i = 0; i < n && text != NULL; i++)
        text = replace_row(compiled[i], &secrets[i], text);
    return text != NULL ? text : g_strdup(REDACTED);
}

static gpointer
compile_all(gpointer data)
{
    (void)data;
    return compile_rows(rows, G_N_ELEMENTS(rows));
}

char *
redact(const char *text)
{
    static GOnce once = G_ONCE_INIT;
    char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, REDACT_BYTES_MAX));
    return replace_rows(g_once(&once, compile_all, NULL), rows, G_N_ELEMENTS(rows), valid);
}

static gpointer
compile_blocks(gpointer data)
{
    (void)data;
    return compile_rows(block_rows, G_N_ELEMENTS(block_rows));
}

char *
redact_blocks(const char *text)
{
    static GOnce once = G_ONCE_INIT;
    if (strstr(text, "-----") == NULL)
        return g_strdup(text);
    return replace_rows(g_once(&once, compile_blocks, NULL), block_rows, G_N_ELEMENTS(block_rows),
                        g_utf8_make_valid(text, -1));
}
