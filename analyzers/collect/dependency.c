#include "analyzers/collect/dependency.h"

#include <string.h>

#include "analyzers/collect/backend.h"
#include "analyzers/collect/service_host.h"

/* Of one value, and of one template. */
enum { TEXT_BYTES_MAX = 4096, TOKENS_MAX = 64, DEPENDENCIES_MAX = 64 };

typedef struct {
    const Snapshot *snapshot;
    const char *ns;
    const Value *template;
    const Value *container;
    GPtrArray *found; /* Dependency; NULL: only whether hosts are named */
    bool has_host;
} Scan;

/* One word that could be a host, and what stands around it. */
typedef struct {
    const char *name;   /* variable, or NULL */
    const char *scheme; /* "http", or "" */
    char host[256];
    int port;      /* 0: none */
    bool is_whole; /* the value is nothing but this */
    bool is_url;   /* after "://" or "@" */
} Token;

static void
dependency_free(gpointer data)
{
    Dependency *dependency = data;
    g_free(dependency->where);
    g_free(dependency);
}

/* ---- Services. ---- */

static bool
is_host_variable(const char *name)
{
    static const char *const words[] = {"HOST",     "ADDR",   "URL",     "URI",   "SERVER",
                                        "ENDPOINT", "BROKER", "SERVICE", "DSN",   "TARGET",
                                        "UPSTREAM", "PEER",   "SEEDS",   "NODES", "BASE"};
    g_autofree char *upper = g_ascii_strup(name, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(upper, words[i]) != NULL)
            return true;
    }
    return false;
}

static int
scheme_port(const char *scheme)
{
    static const struct {
        const char *scheme;
        int port;
    } schemes[] = {{"http", 80},    {"https", 443},     {"postgres", 5432}, {"postgresql", 5432},
                   {"mysql", 3306}, {"mongodb", 27017}, {"redis", 6379},    {"rediss", 6379},
                   {"amqp", 5672},  {"amqps", 5671},    {"nats", 4222},     {"ldap", 389},
                   {"ldaps", 636}};
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (strcmp(schemes[i].scheme, scheme) == 0)
            return schemes[i].port;
    }
    return 0;
}

/* The number in DB_PORT beside DB_HOST; 0 for none. */
static int
paired_port(const Scan *scan, const char *name)
{
    static const char *const suffixes[] = {"_HOST", "_HOSTNAME", "_SERVER", "_ADDR", "_ADDRESS"};
    for (size_t i = 0; name != NULL && i < G_N_ELEMENTS(suffixes); i++) {
        if (!g_str_has_suffix(name, suffixes[i]))
            continue;
        g_autofree char *stem = g_strndup(name, strlen(name) - strlen(suffixes[i]));
        g_autofree char *port = g_strconcat(stem, "_PORT", NULL);
        const Value *env = value_find(scan->container, "env", "name", port);
        return (int)value_int(env, "value", 0);
    }
    return 0;
}

static void
add_dependency(const Scan *scan, const Object *service, const Value *port, const char *name)
{
    if (scan->found->len >= DEPENDENCIES_MAX)
        return;
    for (guint i = 0; i < scan->found->len; i++) {
        const Dependency *other = scan->found->pdata[i];
        if (other->service == service && other->port == port)
            return;
    }
    Dependency *dependency = g_new0(Dependency, 1);
    dependency->service = service;
    dependency->port = port;
    dependency->where = g_strdup(name != NULL ? name : "arguments");
    g_ptr_array_add(scan->found, dependency);
}

static void
take_token(Scan *scan, const Token *token)
{
    bool is_variable = token->name != NULL && is_host_variable(token->name);
    bool has_letter = strpbrk(token->host, "abcdefghijklmnopqrstuvwxyz") != NULL;
    bool is_host = has_letter && (token->is_url || (token->is_whole && is_variable));
    scan->has_host = scan->has_host || is_host;
    if (scan->found == NULL || (!is_host && token->port == 0))
        return;
    const Object *service = service_of_host(scan->snapshot, token->host, scan->ns);
    if (service == NULL || service_selects(service, value_at(scan->template, "metadata.labels")))
        return;
    int number = token->port > 0 ? token->port : paired_port(scan, token->name);
    bool is_said = number > 0;
    if (!is_said)
        number = scheme_port(token->scheme);
    const Value *port = number > 0 ? service_port(service, number, "") : NULL;
    /* A number that the Service does not have: something else is called like it. */
    if (is_said && port == NULL)
        return;
    if (port == NULL && value_count(service->value, "spec.ports") == 1)
        port = value_first(service->value, "spec.ports");
    scan->has_host = true;
    add_dependency(scan, service, port, token->name);
}

/* ---- Words. ---- */

static bool
is_host_char(char c)
{
    return g_ascii_islower(c) || g_ascii_isdigit(c) || c == '-' || c == '.';
}

/* Letters before "://" at `at`; "" for none. Free with g_free. */
static char *
scheme_before(const char *text, const char *at)
{
    if (at - text < 4 || strncmp(at - 3, "://", 3) != 0)
        return g_strdup("");
    const char *end = at - 3, *start = end;
    while (start > text && g_ascii_isalnum(start[-1]))
        start--;
    return g_strndup(start, (gsize)(end - start));
}

static void
scan_text(Scan *scan, const char *text, const char *name)
{
    const char *end = text + strnlen(text, TEXT_BYTES_MAX), *at = text;
    for (int n = 0; at < end && n < TOKENS_MAX; n++) {
        while (at < end && !is_host_char(*at))
            at++;
        const char *start = at;
        while (at < end && is_host_char(*at))
            at++;
        size_t length = (size_t)(at - start);
        Token token = {.name = name, .scheme = ""};
        bool is_word = start > text && (g_ascii_isalpha(start[-1]) || start[-1] == '_');
        bool is_scheme = end - at >= 3 && strncmp(at, "://", 3) == 0;
        if (length == 0 || length >= sizeof token.host || is_word || is_scheme)
            continue;
        memcpy(token.host, start, length);
        g_autofree char *scheme = scheme_before(text, start);
        token.scheme = scheme;
        token.is_url = scheme[0] != '\0' || (start > text && start[-1] == '@');
        token.is_whole = start == text && (at == end || *at == ':' || *at == '/' || *at == ',');
        if (at < end && *at == ':')
            token.port = (int)MIN(g_ascii_strtoull(at + 1, NULL, 10), G_MAXUINT16);
        take_token(scan, &token);
    }
}

/* ---- Templates. ---- */

static void
scan_map(Scan *scan, const char *config_map, const char *key)
{
    const Object *map = snapshot_get(scan->snapshot, KIND_CONFIG_MAP, scan->ns, config_map);
    const Value *data = map != NULL ? value_get(map->value, "data") : NULL;
    for (const Value *entry = value_first(data, ""); entry != NULL; entry = entry->next) {
        if (key == NULL || strcmp(entry->key, key) == 0)
            scan_text(scan, value_text(entry, ""), entry->key);
    }
}

static void
scan_container(Scan *scan, const Value *container)
{
    scan->container = container;
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next) {
        const Value *ref = value_at(env, "valueFrom.configMapKeyRef");
        scan_text(scan, value_text(env, "value"), value_text(env, "name"));
        if (ref != NULL)
            scan_map(scan, value_text(ref, "name"), value_text(ref, "key"));
    }
    for (const Value *from = value_first(container, "envFrom"); from != NULL; from = from->next)
        scan_map(scan, value_text(from, "configMapRef.name"), NULL);
    const char *const lists[] = {"command", "args"};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *word = value_first(container, lists[i]); word != NULL; word = word->next)
            scan_text(scan, value_text(word, ""), NULL);
    }
}

static void
scan_template(Scan *scan)
{
    const char *const lists[] = {"spec.containers", "spec.initContainers"};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(scan->template, lists[i]); c != NULL; c = c->next)
            scan_container(scan, c);
    }
}

GPtrArray *
dependencies_of(const Snapshot *snapshot, const char *ns, const Value *template)
{
    Scan scan = {snapshot, ns, template, NULL, g_ptr_array_new_with_free_func(dependency_free),
                 false};
    scan_template(&scan);
    return scan.found;
}

bool
names_hosts(const Snapshot *snapshot, const char *ns, const Value *template)
{
    Scan scan = {snapshot, ns, template, NULL, NULL, false};
    scan_template(&scan);
    return scan.has_host;
}
