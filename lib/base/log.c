#include "lib/base/log.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/jsonw.h"

enum {
    SITE_SLOTS = 256,
    SITE_LINES_PER_SECOND = 10,
};

/* How often one call site spoke in its current second. Two sites may share a slot: the newer one
 * takes it over, which at worst lets a few lines more through. */
typedef struct {
    uint64_t site;
    int64_t second;
    unsigned lines, cut;
} Site;

typedef struct {
    GLogLevelFlags level;
    LogFormat format;
    GMutex lock; /* guards sites */
    Site sites[SITE_SLOTS];
} Logger;

static Logger logger = {.level = G_LOG_LEVEL_INFO};

/* The parts of one message that the writer needs, borrowed from the fields. */
typedef struct {
    GLogLevelFlags level;
    const char *domain, *text, *file, *line;
    const GLogField *fields;
    gsize n_fields;
} Message;

static const struct {
    GLogLevelFlags level;
    const char *name;
} LEVELS[] = {
    {G_LOG_LEVEL_ERROR, "fatal"},     {G_LOG_LEVEL_CRITICAL, "error"},
    {G_LOG_LEVEL_WARNING, "warning"}, {G_LOG_LEVEL_MESSAGE, "message"},
    {G_LOG_LEVEL_INFO, "info"},       {G_LOG_LEVEL_DEBUG, "debug"},
};

static const char *
level_name(GLogLevelFlags level)
{
    for (size_t i = 0; i < G_N_ELEMENTS(LEVELS); i++)
        if ((level & LEVELS[i].level) != 0)
            return LEVELS[i].name;
    return "debug";
}

bool
log_level_parse(const char *text, GLogLevelFlags *ret_level)
{
    /* "fatal" is GLib's abort level and cannot be asked for. */
    for (size_t i = 1; i < G_N_ELEMENTS(LEVELS); i++) {
        if (strcmp(text, LEVELS[i].name) == 0) {
            *ret_level = LEVELS[i].level;
            return true;
        }
    }
    return false;
}

static bool
field_is_standard(const char *key)
{
    static const char *const standard[] = {"MESSAGE",   "PRIORITY",  "GLIB_DOMAIN",
                                           "CODE_FILE", "CODE_LINE", "CODE_FUNC"};
    for (size_t i = 0; i < G_N_ELEMENTS(standard); i++)
        if (strcmp(key, standard[i]) == 0)
            return true;
    return false;
}

static Message
message_of(GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
    Message message = {
        .level = level, .domain = "-", .text = "", .fields = fields, .n_fields = n_fields};
    for (gsize i = 0; i < n_fields; i++) {
        const GLogField *field = &fields[i];
        if (strcmp(field->key, "MESSAGE") == 0)
            message.text = field->value;
        else if (strcmp(field->key, "GLIB_DOMAIN") == 0 && field->value != NULL)
            message.domain = field->value;
        else if (strcmp(field->key, "CODE_FILE") == 0)
            message.file = field->value;
        else if (strcmp(field->key, "CODE_LINE") == 0)
            message.line = field->value;
    }
    return message;
}

static uint64_t
hash_text(uint64_t hash, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u; /* FNV-1a */
    return hash;
}

/* The identity of the call site; a message without one (GLib's own) is known by its text. */
static uint64_t
site_of(const Message *message)
{
    uint64_t hash = hash_text(0xcbf29ce484222325u, message->domain);
    if (message->file == NULL)
        return hash_text(hash, message->text);
    return hash_text(hash_text(hash, message->file), message->line);
}

/* Says whether the site may speak now. *ret_cut counts the lines that were left out before. */
static bool
site_admit(uint64_t hash, unsigned *ret_cut)
{
    int64_t second = g_get_monotonic_time() / G_USEC_PER_SEC;
    *ret_cut = 0;
    g_mutex_lock(&logger.lock);
    Site *site = &logger.sites[hash % SITE_SLOTS];
    if (site->site != hash)
        *site = (Site){.site = hash, .second = second};
    if (site->second != second) {
        *ret_cut = site->cut;
        *site = (Site){.site = hash, .second = second};
    }
    bool admitted = site->lines < SITE_LINES_PER_SECOND;
    if (admitted)
        site->lines++;
    else
        site->cut++;
    g_mutex_unlock(&logger.lock);
    return admitted;
}

static void
append_time(GString *out)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    g_string_append_printf(out, "%s.%03dZ", seconds, g_date_time_get_microsecond(now) / 1000);
}

/* A message is one line: control characters become their escapes, bad UTF-8 becomes U+FFFD. */
static void
append_escaped(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    for (const char *c = valid; *c != '\0'; c++) {
        if (*c == '\n')
            g_string_append(out, "\\n");
        else if ((uint8_t)*c < 0x20 || *c == 0x7f)
            g_string_append_printf(out, "\\x%02x", (unsigned)(uint8_t)*c);
        else
            g_string_append_c(out, *c);
    }
}

static char *
field_text(const GLogField *field)
{
    return field->length < 0 ? g_strdup(field->value)
                             : g_strndup(field->value, (gsize)field->length);
}

static void
json_member(JsonWriter *json, const char *key, const char *value)
{
    jsonw_key(json, key);
    jsonw_string(json, value);
}

static void
append_json(GString *out, const Message *message, unsigned cut)
{
    g_auto(JsonWriter) json;
    jsonw_init(&json, 256);
    g_autoptr(GString) time = g_string_new(NULL);
    append_time(time);
    jsonw_object_begin(&json);
    json_member(&json, "time", time->str);
    json_member(&json, "level", level_name(message->level));
    json_member(&json, "module", message->domain);
    json_member(&json, "message", message->text);
    for (gsize i = 0; i < message->n_fields; i++) {
        if (field_is_standard(message->fields[i].key))
            continue;
        g_autofree char *key = g_ascii_strdown(message->fields[i].key, -1);
        g_autofree char *value = field_text(&message->fields[i]);
        json_member(&json, key, value);
    }
    if (cut > 0) {
        jsonw_key(&json, "left_out");
        jsonw_uint(&json, cut);
    }
    jsonw_object_end(&json);
    g_string_append_len(out, json.data, (gssize)json.size);
    g_string_append_c(out, '\n');
}

static void
append_text(GString *out, const Message *message, unsigned cut)
{
    append_time(out);
    g_string_append_printf(out, " %-7s %s ", level_name(message->level), message->domain);
    append_escaped(out, message->text);
    for (gsize i = 0; i < message->n_fields; i++) {
        if (field_is_standard(message->fields[i].key))
            continue;
        g_autofree char *key = g_ascii_strdown(message->fields[i].key, -1);
        g_autofree char *value = field_text(&message->fields[i]);
        g_string_append_printf(out, " %s=", key);
        append_escaped(out, value);
    }
    if (cut > 0)
        g_string_append_printf(out, " (%u such lines left out)", cut);
    g_string_append_c(out, '\n');
}

/* One write per line, so that lines of several threads do not mix. */
static void
write_line(const GString *line)
{
    size_t done = 0;
    while (done < line->len) {
        ssize_t n = write(STDERR_FILENO, line->str + done, line->len - done);
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

static GLogWriterOutput
write_message(GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer user_data)
{
    (void)user_data;
    GLogLevelFlags level = flags & G_LOG_LEVEL_MASK;
    if (level > logger.level)
        return G_LOG_WRITER_HANDLED;
    Message message = message_of(level, fields, n_fields);
    unsigned cut;
    if (!site_admit(site_of(&message), &cut) && (flags & G_LOG_FLAG_FATAL) == 0)
        return G_LOG_WRITER_HANDLED;
    g_autoptr(GString) line = g_string_sized_new(256);
    if (logger.format == LOG_FORMAT_JSON)
        append_json(line, &message, cut);
    else
        append_text(line, &message, cut);
    write_line(line);
    return G_LOG_WRITER_HANDLED;
}

void
log_init(GLogLevelFlags level, LogFormat format)
{
    static gsize installed;
    logger.level = level;
    logger.format = format;
    /* GLib allows the writer to be set once per process. */
    if (g_once_init_enter(&installed)) {
        g_log_set_writer_func(write_message, NULL, NULL);
        g_once_init_leave(&installed, 1);
    }
}
