#include "analyzers/collect/log_folder.h"

#include <stdio.h>
#include <string.h>

#define LOG_BYTES_MAX ((gsize)64 * 1024)

/* The end of a file, at most LOG_BYTES_MAX; NULL when it cannot be read. */
static GString *
read_end(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    GString *text = g_string_sized_new(LOG_BYTES_MAX);
    (void)fseeko(file, -(off_t)LOG_BYTES_MAX, SEEK_END); /* one that is shorter: from its start */
    g_string_set_size(text, fread(text->str, 1, LOG_BYTES_MAX, file));
    bool is_read = ferror(file) == 0;
    (void)fclose(file);
    if (!is_read)
        g_string_free(g_steal_pointer(&text), TRUE);
    return text;
}

static char *
read_log(void *data, const Object *pod, const char *container, bool previous)
{
    g_autofree char *name = g_strdup_printf("%s_%s_%s%s.log", pod->ns, pod->name, container,
                                            previous ? ".previous" : "");
    g_autofree char *path = g_build_filename((const char *)data, name, NULL);
    g_autoptr(GString) text = strchr(name, '/') == NULL ? read_end(path) : NULL;
    return text != NULL ? g_utf8_make_valid(text->str, (gssize)text->len) : NULL;
}

void
log_folder_open(Snapshot *snapshot, const char *dir)
{
    snapshot_set_log_source(snapshot, read_log, g_strdup(dir), g_free);
}
