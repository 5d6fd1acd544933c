#include "tests/harness/kept_log.h"

#include <glib.h>
#include <string.h>

static GMutex lock;
static char *kept; /* under the lock; NULL: nothing */

static void
append(const char *message)
{
    g_autofree char *before = kept;
    kept = g_strconcat(before != NULL ? before : "", message, "\n", NULL);
}

static GLogWriterOutput
keep(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
    (void)level;
    (void)data;
    g_mutex_lock(&lock);
    for (gsize i = 0; i < n_fields; i++)
        if (strcmp(fields[i].key, "MESSAGE") == 0)
            append(fields[i].value);
    g_mutex_unlock(&lock);
    return G_LOG_WRITER_HANDLED;
}

void
kept_log_start(void)
{
    g_log_set_writer_func(keep, NULL, NULL);
}

void
kept_log_clear(void)
{
    g_mutex_lock(&lock);
    g_clear_pointer(&kept, g_free);
    g_mutex_unlock(&lock);
}

char *
kept_log_text(void)
{
    g_mutex_lock(&lock);
    char *text = g_strdup(kept != NULL ? kept : "");
    g_mutex_unlock(&lock);
    return text;
}

unsigned
kept_log_count(const char *part)
{
    g_autofree char *text = kept_log_text();
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}
