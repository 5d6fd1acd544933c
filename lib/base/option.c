#include "lib/base/option.h"

#include <stdio.h>
#include <string.h>

#include "cresset/version.h"
#include "lib/base/error.h"
#include "lib/base/nearest.h"
#include "lib/base/option_file.h"
#include "lib/base/option_help.h"
#include "lib/base/option_value.h"

extern char **environ;

/* What the command line says, before any of it is stored. */
typedef struct {
    GPtrArray **values; /* per row: its texts, or NULL when the flag was not given */
    char *config_file;
    bool help, help_markdown, version;
} CommandLine;

typedef struct {
    const OptionTable *table;
    void *config;
} FileVisit;

static const char *const COMMON_FLAGS[] = {"config", "help", "help-markdown", "version"};

static void
command_line_free(const OptionTable *table, CommandLine *line)
{
    for (size_t i = 0; i < table->n_rows; i++)
        if (line->values[i] != NULL)
            g_ptr_array_unref(line->values[i]);
    g_free(line->values);
    g_free(line->config_file);
}

static int
find_row(const OptionTable *table, const char *name)
{
    for (size_t i = 0; i < table->n_rows; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The nearest name of the table, or of the common flags when `with_common`; NULL when none is near.
 */
static const char *
nearest_option(const OptionTable *table, const char *name, bool with_common)
{
    g_autofree const char **names =
        g_new0(const char *, table->n_rows + G_N_ELEMENTS(COMMON_FLAGS));
    size_t n = 0;
    for (size_t i = 0; i < table->n_rows; i++)
        names[n++] = table->rows[i].name;
    for (size_t i = 0; with_common && i < G_N_ELEMENTS(COMMON_FLAGS); i++)
        names[n++] = COMMON_FLAGS[i];
    g_autofree char *dashed = g_strdelimit(g_ascii_strdown(name, -1), "_", '-');
    int best = nearest_name(dashed, names, n);
    return best < 0 ? NULL : names[best];
}

static bool
fail_unknown_flag(const OptionTable *table, const char *name, GError **error)
{
    const char *near = nearest_option(table, name, true);
    if (near != NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "unknown option --%s; did you mean --%s?", name, near);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "unknown option --%s; --help lists them all", name);
}

/* Stores a flag that every program has; false when `name` is not one. */
static bool
take_common_flag(CommandLine *line, const char *name, const char *value)
{
    if (strcmp(name, "help") == 0)
        line->help = true;
    else if (strcmp(name, "help-markdown") == 0)
        line->help_markdown = true;
    else if (strcmp(name, "version") == 0)
        line->version = true;
    else if (strcmp(name, "config") == 0) {
        g_free(line->config_file);
        line->config_file = g_strdup(value);
    } else
        return false;
    return true;
}

static void
add_value(CommandLine *line, int row, OptionType type, const char *value)
{
    if (line->values[row] == NULL)
        line->values[row] = g_ptr_array_new_with_free_func(g_free);
    else if (type != OPTION_LIST)
        g_ptr_array_set_size(line->values[row], 0); /* the last one counts */
    g_ptr_array_add(line->values[row], g_strdup(value));
}

/* Reads the flag argv[*i] and, where it needs one, the value behind it. */
static bool
read_flag(const OptionTable *table, char **argv, int *i, CommandLine *line, GError **error)
{
    const char *text = argv[*i] + 2;
    const char *equals = strchr(text, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    const char *value = equals != NULL ? equals + 1 : NULL;
    int row = find_row(table, name);
    bool is_config = strcmp(name, "config") == 0;
    if (row < 0 && !is_config) {
        if (value == NULL && take_common_flag(line, name, NULL))
            return true;
        return fail_unknown_flag(table, name, error);
    }
    if (value == NULL && !is_config && table->rows[row].type == OPTION_BOOL)
        value = "true";
    if (value == NULL && argv[*i + 1] != NULL)
        value = argv[++*i];
    if (value == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "--%s needs a value: --%s %s", name,
                         name, is_config ? "FILE" : option_value_argument(&table->rows[row]));
    if (is_config)
        (void)take_common_flag(line, name, value);
    else
        add_value(line, row, table->rows[row].type, value);
    return true;
}

static bool
read_command_line(const OptionTable *table, int argc, char **argv, CommandLine *line,
                  GError **error)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0)
            line->help = true;
        else if (!g_str_has_prefix(argv[i], "--") || argv[i][2] == '\0')
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "unexpected argument '%s'; options are written --name VALUE", argv[i]);
        else if (!read_flag(table, argv, &i, line, error))
            return false;
    }
    return true;
}

bool
option_set_defaults(const OptionTable *table, void *config, GError **error)
{
    for (size_t i = 0; i < table->n_rows; i++) {
        const OptionRow *row = &table->rows[i];
        if (row->default_text == NULL)
            continue;
        g_auto(GStrv) texts = option_value_split(row, row->default_text);
        if (!option_value_set(row, config, (const char *const *)texts, g_strv_length(texts),
                              error)) {
            g_prefix_error(error, "default of --%s: ", row->name);
            return false;
        }
    }
    return true;
}

static bool
apply_file_key(void *user, const char *key, const char *const *texts, size_t n_texts, size_t line,
               GError **error)
{
    (void)line;
    const FileVisit *visit = user;
    int row = find_row(visit->table, key);
    if (row < 0) {
        const char *near = nearest_option(visit->table, key, false);
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "unknown option %s%s%s%s", key,
                         near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                         near != NULL ? "?" : "");
    }
    if (option_value_set(&visit->table->rows[row], visit->config, texts, n_texts, error))
        return true;
    g_prefix_error(error, "%s: ", key);
    return false;
}

/* Kubernetes adds variables for every service of the namespace; a service whose name begins with
 * "cresset" gives CRESSET_…_SERVICE_HOST, …_SERVICE_PORT…, …_PORT and …_PORT_<n>_<protocol>…
 * (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables). */
static bool
is_service_variable(const char *name, const char *value)
{
    return strstr(name, "_SERVICE_HOST") != NULL || strstr(name, "_SERVICE_PORT") != NULL ||
           strstr(name, "_PORT_") != NULL ||
           (g_str_has_suffix(name, "_PORT") && strstr(value, "://") != NULL);
}

static void
warn_unknown_variables(const OptionTable *table)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(known, g_strdup("CRESSET_CONFIG"));
    for (size_t i = 0; i < table->n_rows; i++)
        g_hash_table_add(known, option_env_name(table->rows[i].name));
    for (char **variable = environ; *variable != NULL; variable++) {
        const char *equals = strchr(*variable, '=');
        if (equals == NULL || !g_str_has_prefix(*variable, "CRESSET_"))
            continue;
        g_autofree char *name = g_strndup(*variable, (gsize)(equals - *variable));
        if (g_hash_table_contains(known, name) || is_service_variable(name, equals + 1))
            continue;
        const char *near = nearest_option(table, name + strlen("CRESSET_"), false);
        g_autofree char *near_name = near != NULL ? option_env_name(near) : NULL;
        g_warning("environment variable %s is no option of %s%s%s", name, table->program,
                  near != NULL ? "; nearest is " : "", near != NULL ? near_name : "");
    }
}

static bool
apply_environment(const OptionTable *table, void *config, GError **error)
{
    for (size_t i = 0; i < table->n_rows; i++) {
        const OptionRow *row = &table->rows[i];
        g_autofree char *name = option_env_name(row->name);
        const char *text = g_getenv(name);
        if (text == NULL || is_service_variable(name, text))
            continue;
        g_auto(GStrv) texts = option_value_split(row, text);
        if (!option_value_set(row, config, (const char *const *)texts, g_strv_length(texts),
                              error)) {
            g_prefix_error(error, "%s: ", name);
            return false;
        }
    }
    return true;
}

static bool
apply_command_line(const OptionTable *table, const CommandLine *line, void *config, GError **error)
{
    for (size_t i = 0; i < table->n_rows; i++) {
        const GPtrArray *texts = line->values[i];
        if (texts == NULL)
            continue;
        if (!option_value_set(&table->rows[i], config, (const char *const *)texts->pdata,
                              texts->len, error)) {
            g_prefix_error(error, "--%s: ", table->rows[i].name);
            return false;
        }
    }
    return true;
}

static bool
apply_all(const OptionTable *table, const CommandLine *line, void *config, GError **error)
{
    const char *path = line->config_file != NULL ? line->config_file : g_getenv("CRESSET_CONFIG");
    FileVisit visit = {table, config};
    if (!option_set_defaults(table, config, error))
        return false;
    if (path != NULL && path[0] != '\0' && !option_file_read(path, apply_file_key, &visit, error))
        return false;
    if (!apply_environment(table, config, error) || !apply_command_line(table, line, config, error))
        return false;
    warn_unknown_variables(table);
    return true;
}

/* Prints what --help, --help-markdown or --version asks for; false when none was given. */
static bool
print_asked(const OptionTable *table, const CommandLine *line)
{
    g_autofree char *text = NULL;
    if (line->help)
        text = option_help_text(table);
    else if (line->help_markdown)
        text = option_help_markdown(table);
    else if (line->version)
        text =
            g_strdup_printf("%s %s%s\n", table->program, CRESSET_VERSION,
                            CRESSET_REVISION[0] != '\0' ? " (revision " CRESSET_REVISION ")" : "");
    if (text == NULL)
        return false;
    (void)fputs(text, stdout);
    (void)fflush(stdout);
    return true;
}

OptionResult
option_parse(const OptionTable *table, int argc, char **argv, void *config, GError **error)
{
    CommandLine line = {.values = g_new0(GPtrArray *, table->n_rows)};
    OptionResult result = OPTION_ERROR;
    if (read_command_line(table, argc, argv, &line, error)) {
        if (print_asked(table, &line))
            result = OPTION_DONE;
        else if (apply_all(table, &line, config, error))
            result = OPTION_RUN;
    }
    command_line_free(table, &line);
    if (result == OPTION_ERROR)
        option_clear(table, config);
    return result;
}

void
option_clear(const OptionTable *table, void *config)
{
    for (size_t i = 0; i < table->n_rows; i++)
        option_value_clear(&table->rows[i], config);
}
