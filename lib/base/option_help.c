#include "lib/base/option_help.h"

#include <string.h>

#include "lib/base/option_value.h"

enum {
    HELP_COLUMNS = 100,
    FLAG_COLUMN_MAX = 34, /* longer flags get a line of their own */
};

/* What every program understands besides its own rows. */
static const OptionRow COMMON[] = {
    {.name = "config", .argument = "FILE", .help = "Read options from this YAML file."},
    {.name = "help", .type = OPTION_BOOL, .help = "Print this text."},
    {.name = "help-markdown", .type = OPTION_BOOL, .help = "Print the reference page."},
    {.name = "version", .type = OPTION_BOOL, .help = "Print the version."},
};

char *
option_env_name(const char *name)
{
    g_autofree char *upper = g_ascii_strup(name, -1);
    return g_strconcat("CRESSET_", g_strdelimit(upper, "-", '_'), NULL);
}

static char *
flag_text(const OptionRow *row)
{
    if (row->type == OPTION_BOOL)
        return g_strdup_printf("--%s", row->name);
    return g_strdup_printf("--%s %s", row->name, option_value_argument(row));
}

static char *
help_sentence(const OptionRow *row)
{
    GString *text = g_string_new(row->help);
    if (row->type == OPTION_LIST)
        g_string_append(text, " May be repeated.");
    if (row->default_text != NULL && row->default_text[0] != '\0')
        g_string_append_printf(text, " Default: %s.", row->default_text);
    return g_string_free(text, FALSE);
}

static size_t
flag_column(const OptionTable *table)
{
    size_t width = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        g_autofree char *flag = flag_text(&table->rows[i]);
        if (strlen(flag) <= FLAG_COLUMN_MAX)
            width = MAX(width, strlen(flag));
    }
    return MAX(width, strlen("--help-markdown"));
}

/* Appends the words of `text`, wrapped and indented to `indent`; the cursor stands at it. */
static void
append_wrapped(GString *out, const char *text, size_t indent)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    size_t column = indent;
    for (size_t i = 0; words[i] != NULL; i++) {
        size_t length = strlen(words[i]);
        if (column > indent && column + 1 + length > HELP_COLUMNS) {
            g_string_append_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        if (column > indent) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append(out, words[i]);
        column += length;
    }
    g_string_append_c(out, '\n');
}

static void
append_row(GString *out, const OptionRow *row, size_t width)
{
    g_autofree char *flag = flag_text(row);
    g_autofree char *sentence = help_sentence(row);
    if (strlen(flag) > width)
        g_string_append_printf(out, "  %s\n%*s", flag, (int)width + 4, "");
    else
        g_string_append_printf(out, "  %-*s  ", (int)width, flag);
    append_wrapped(out, sentence, width + 4);
}

char *
option_help_text(const OptionTable *table)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "Usage: %s [OPTION]...\n", table->program);
    append_wrapped(out, table->summary, 0);
    g_string_append_c(out, '\n');
    size_t width = flag_column(table);
    for (size_t i = 0; i < table->n_rows; i++)
        append_row(out, &table->rows[i], width);
    g_string_append_c(out, '\n');
    for (size_t i = 0; i < G_N_ELEMENTS(COMMON); i++)
        append_row(out, &COMMON[i], width);
    if (table->n_rows > 0) {
        const char *name = table->rows[0].name;
        g_autofree char *env = option_env_name(name);
        g_autofree char *how = g_strdup_printf(
            "Every option is also an environment variable (--%s is %s) and a key of the YAML file "
            "(%s: ...). The command line wins over the environment, the environment over the file.",
            name, env, name);
        g_string_append_c(out, '\n');
        append_wrapped(out, how, 0);
    }
    return g_string_free(out, FALSE);
}

/* A table cell: bars and line breaks would end it. */
static char *
cell_text(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "|", -1);
    return g_strdelimit(g_strjoinv("\\|", parts), "\n", ' ');
}

char *
option_help_markdown(const OptionTable *table)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "# %s\n\n%s\n\n", table->program, table->summary);
    g_string_append(out, "Every option is a flag, an environment variable and a key of the YAML "
                         "file given by `--config`. The command line wins over the environment, "
                         "the environment over the file. The YAML key is the flag without its "
                         "dashes.\n\n"
                         "| flag | environment | default | meaning |\n"
                         "| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < table->n_rows; i++) {
        const OptionRow *row = &table->rows[i];
        g_autofree char *flag_raw = flag_text(row);
        g_autofree char *flag = cell_text(flag_raw);
        g_autofree char *env = option_env_name(row->name);
        g_autofree char *help = cell_text(row->help);
        const char *initial = row->default_text != NULL ? row->default_text : "";
        g_string_append_printf(out, "| `%s` | `%s` | %s%s%s | %s%s |\n", flag, env,
                               *initial != '\0' ? "`" : "", initial, *initial != '\0' ? "`" : "",
                               help, row->type == OPTION_LIST ? " May be repeated." : "");
    }
    return g_string_free(out, FALSE);
}
