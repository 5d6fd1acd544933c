#include "lib/base/option_yaml.h"

#include <string.h>

#include "lib/base/option_value.h"
#include "lib/base/text.h"

/* What may be said of a text: credentials may stand in a URL. */
static char *
shown_text(const char *text, bool is_secret)
{
    if (is_secret && text[0] != '\0')
        return g_strdup(OPTION_REDACTED);
    return strstr(text, "://") != NULL ? http_url_shown(text) : g_strdup(text);
}

static void
write_text(YamlWriter *writer, const char *text, bool is_secret)
{
    g_autofree char *shown = shown_text(text, is_secret);
    yaml_writer_text(writer, shown);
}

static void
write_list(YamlWriter *writer, const GStrv list, bool is_secret)
{
    yaml_writer_list_begin(writer);
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        write_text(writer, list[i], is_secret);
    yaml_writer_list_end(writer);
}

static void
write_value(const OptionRow *row, const void *config, bool is_secret, YamlWriter *writer)
{
    if (row->type == OPTION_LIST) {
        write_list(writer, *(const GStrv *)((const char *)config + row->offset), is_secret);
        return;
    }
    g_autofree char *text = option_value_text(row, config);
    if (row->type == OPTION_STRING)
        write_text(writer, text, is_secret);
    else
        yaml_writer_plain(writer, text);
}

void
option_yaml_write_value(const OptionRow *row, const void *config, YamlWriter *writer)
{
    write_value(row, config, false, writer);
}

GBytes *
option_yaml(const OptionTable *table, const void *config, const void *other)
{
    YamlWriter *writer = yaml_writer_new();
    yaml_writer_mapping_begin(writer);
    for (size_t i = 0; i < table->n_rows; i++) {
        const OptionRow *row = &table->rows[i];
        if (other != NULL && option_value_equal(row, config, other))
            continue;
        yaml_writer_plain(writer, row->name);
        write_value(row, config,
                    table->secrets != NULL && g_strv_contains(table->secrets, row->name), writer);
    }
    yaml_writer_mapping_end(writer);
    return yaml_writer_finish(writer);
}
