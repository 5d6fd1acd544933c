#include "analyzers/checks/log_signature.h"

#include <string.h>

/* Parts of lines in lower case. The first that is there decides, so the more certain come first. */
static const struct {
    const char *part;
    LogSignature signature;
} parts[] = {
    {"exec format error", LOG_FORMAT},
    {"address already in use", LOG_PORT},
    {"eaddrinuse", LOG_PORT},
    {"address in use", LOG_PORT},
    {"only one usage of each socket address", LOG_PORT},
    {"no space left", LOG_DISK},
    {"enospc", LOG_DISK},
    {"disk quota exceeded", LOG_DISK},
    {"too many open files", LOG_FILES},
    {"emfile", LOG_FILES},
    {"cannot allocate memory", LOG_MEMORY},
    {"outofmemoryerror", LOG_MEMORY},
    {"heap out of memory", LOG_MEMORY},
    {"memoryerror", LOG_MEMORY},
    {"could not acquire lock", LOG_LOCK},
    {"could not acquire change log lock", LOG_LOCK},
    {"waiting for changelog lock", LOG_LOCK},
    {"migration lock", LOG_LOCK},
    {"migrations lock", LOG_LOCK},
    {"can't acquire lock", LOG_LOCK},
    {"dirty database version", LOG_LOCK},
    {"database is locked", LOG_LOCK},
    {"lock wait timeout", LOG_LOCK},
    {"deadlock", LOG_LOCK},
    {"x509", LOG_TLS},
    {"certificate has expired", LOG_TLS},
    {"certificate verify failed", LOG_TLS},
    {"unknown authority", LOG_TLS},
    {"self-signed certificate", LOG_TLS},
    {"tls handshake", LOG_TLS},
    {"sslhandshakeexception", LOG_TLS},
    {"connection refused", LOG_DEPENDENCY},
    {"econnrefused", LOG_DEPENDENCY},
    {"no such host", LOG_DEPENDENCY},
    {"enotfound", LOG_DEPENDENCY},
    {"eai_again", LOG_DEPENDENCY},
    {"name resolution", LOG_DEPENDENCY},
    {"name or service not known", LOG_DEPENDENCY},
    {"could not translate host name", LOG_DEPENDENCY},
    {"could not resolve host", LOG_DEPENDENCY},
    {"could not resolve address", LOG_DEPENDENCY},
    {"host not found", LOG_DEPENDENCY},
    {"unknownhostexception", LOG_DEPENDENCY},
    {"unknown host", LOG_DEPENDENCY},
    {"no route to host", LOG_DEPENDENCY},
    {"network is unreachable", LOG_DEPENDENCY},
    {"i/o timeout", LOG_DEPENDENCY},
    {"etimedout", LOG_DEPENDENCY},
    {"connection timed out", LOG_DEPENDENCY},
    {"connect timed out", LOG_DEPENDENCY},
    {"connection timeout", LOG_DEPENDENCY},
    {"connection reset", LOG_DEPENDENCY},
    {"econnreset", LOG_DEPENDENCY},
    {"could not connect", LOG_DEPENDENCY},
    {"failed to connect", LOG_DEPENDENCY},
    {"unable to connect", LOG_DEPENDENCY},
    {"can't connect", LOG_DEPENDENCY},
    {"cannot connect", LOG_DEPENDENCY},
    {"connectexception", LOG_DEPENDENCY},
    {"refused. check that the hostname", LOG_DEPENDENCY},
    {"communications link failure", LOG_DEPENDENCY},
    {"nobrokersavailable", LOG_DEPENDENCY},
    {"no brokers available", LOG_DEPENDENCY},
    {"serverselection", LOG_DEPENDENCY},
    {"server selection error", LOG_DEPENDENCY},
    {"failed to dial", LOG_DEPENDENCY},
    {"host is unreachable", LOG_DEPENDENCY},
    {"ehostunreach", LOG_DEPENDENCY},
    {"password authentication failed", LOG_LOGIN},
    {"access denied for user", LOG_LOGIN},
    {"authentication failed", LOG_LOGIN},
    {"invalid credentials", LOG_LOGIN},
    {"noauth authentication required", LOG_LOGIN},
    {"wrongpass", LOG_LOGIN},
    {"read-only file system", LOG_PERMISSION},
    {"permission denied", LOG_PERMISSION},
    {"operation not permitted", LOG_PERMISSION},
    {"eacces", LOG_PERMISSION},
    {"eperm", LOG_PERMISSION},
    {"erofs", LOG_PERMISSION},
    {"accessdeniedexception", LOG_PERMISSION},
    {"relation \"", LOG_SCHEMA},
    {"no such table", LOG_SCHEMA},
    {"unknown column", LOG_SCHEMA},
    {"429 too many requests", LOG_LIMIT},
    {"rate limit", LOG_LIMIT},
    {"no such file or directory", LOG_CONFIG},
    {"enoent", LOG_CONFIG},
    {"filenotfound", LOG_CONFIG},
    {"module not found", LOG_CONFIG},
    {"modulenotfounderror", LOG_CONFIG},
    {"no module named", LOG_CONFIG},
    {"cannot find module", LOG_CONFIG},
    {"importerror", LOG_CONFIG},
    {"classnotfound", LOG_CONFIG},
    {"could not find or load main class", LOG_CONFIG},
    {"license expired", LOG_CONFIG},
    {"license has expired", LOG_CONFIG},
    {"invalid license", LOG_CONFIG},
    {"unrecognized option", LOG_CONFIG},
    {"unknown flag", LOG_CONFIG},
    {"unknown option", LOG_CONFIG},
    {"flag provided but not defined", LOG_CONFIG},
    {"unknown field", LOG_CONFIG},
    {"unknown key", LOG_CONFIG},
    {"unrecognized attribute", LOG_CONFIG},
    {"unrecognized block", LOG_CONFIG},
    {"missing required attribute", LOG_CONFIG},
    {"cannot find the definition of component", LOG_CONFIG},
    {"unknown directive", LOG_CONFIG},
    {"unmarshal", LOG_CONFIG},
    {"invalid config", LOG_CONFIG},
    {"failed to load config", LOG_CONFIG},
    {"failed to parse", LOG_CONFIG},
    {"could not parse", LOG_CONFIG},
    {"cannot parse", LOG_CONFIG},
    {"error parsing", LOG_CONFIG},
    {"parse error", LOG_CONFIG},
    {"syntax error", LOG_CONFIG},
    {"yaml:", LOG_CONFIG},
};

/* Words that speak of settings, and words that say that something is wrong with them. */
static const char *const setting_words[] = {"environment", "env var",  "config", "setting",
                                            "variable",    "argument", "flag",   "parameter",
                                            "property",    "secret"};
static const char *const fault_words[] = {"not set", "missing",   "required",   "undefined",
                                          "unset",   "not found", "is empty",   "invalid",
                                          "must be", "unknown",   "not defined"};
static const char *const panic_words[] = {"panic:", "exception", "segmentation fault", "assertion",
                                          "fatal",  "traceback", "core dumped"};
static const char *const trouble_words[] = {
    "error",     "failed",  "failure",   "refused", "denied",      "timeout",       "timed out",
    "not found", "not set", "missing",   "invalid", "unreachable", "not available", "unavailable",
    "cannot",    "can't",   "could not", "unable",  "killed",      "critical"};

static gboolean
has_any(const char *line, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strstr(line, words[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

#define HAS_ANY(line, words) has_any(line, words, G_N_ELEMENTS(words))

/* Whether a line says itself that it is no error: by its level, or as klog writes one ("I1121 ").
 */
static gboolean
is_mild(const char *lower)
{
    static const char *const levels[] = {"level=info",
                                         "level=warn",
                                         "level=debug",
                                         "\"level\":\"info",
                                         "\"level\":\"warn",
                                         " info ",
                                         " warn ",
                                         " debug ",
                                         "[info",
                                         "[warn",
                                         "warning:",
                                         "info:"};
    static const char *const first[] = {"info ", "warn ", "warning ", "debug "};
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++) {
        if (g_str_has_prefix(lower, first[i]))
            return TRUE;
    }
    return HAS_ANY(lower, levels) ||
           ((lower[0] == 'i' || lower[0] == 'w') && strspn(lower + 1, "0123456789") == 4);
}

LogSignature
log_signature(const char *line)
{
    g_autofree char *lower = g_ascii_strdown(line, -1);
    if (is_mild(lower))
        return HAS_ANY(lower, trouble_words) ? LOG_TROUBLE : LOG_NOTHING;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strstr(lower, parts[i].part) != NULL)
            return parts[i].signature;
    }
    if (HAS_ANY(lower, setting_words) && HAS_ANY(lower, fault_words))
        return LOG_CONFIG;
    if (HAS_ANY(lower, panic_words))
        return LOG_PANIC;
    return HAS_ANY(lower, trouble_words) ? LOG_TROUBLE : LOG_NOTHING;
}

const char *
log_signature_text(LogSignature signature)
{
    static const char *const texts[] = {
        [LOG_DEPENDENCY] = "something it needs cannot be reached",
        [LOG_TLS] = "a certificate is refused",
        [LOG_LOGIN] = "its password or token is refused",
        [LOG_PERMISSION] = "the system forbids what it does",
        [LOG_DISK] = "a disk is full",
        [LOG_FILES] = "it has too many files open",
        [LOG_MEMORY] = "it runs out of memory",
        [LOG_PORT] = "it cannot open its port",
        [LOG_FORMAT] = "its program is built for another machine",
        [LOG_LOCK] = "it waits for a lock",
        [LOG_SCHEMA] = "a table of its database is missing",
        [LOG_CONFIG] = "its configuration is not right",
        [LOG_LIMIT] = "its requests are limited",
    };
    return (size_t)signature < G_N_ELEMENTS(texts) ? texts[signature] : NULL;
}
