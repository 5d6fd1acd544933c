#include "lib/base/reloaded_file.h"

#include <sys/stat.h>

enum { INTERVAL_US = 5 * G_USEC_PER_SEC };

/* What tells one state of a file from another. */
typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} Stamp;

struct ReloadedFile {
    char *path;
    ReloadedFileConfig config;
    GMutex lock; /* of everything below */
    gint64 looked_us;
    Stamp stamp; /* of what was last read, good or bad */
    void *content;
    ReloadedFileCounts counts;
};

/* All zero when the file cannot be looked at. */
static Stamp
stamp_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return (Stamp){0};
    return (Stamp){status.st_dev, status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
is_same(const Stamp *a, const Stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           is_same_time(&a->modified, &b->modified) && is_same_time(&a->changed, &b->changed);
}

void
reloaded_file_release(ReloadedFile *file, void *content)
{
    g_atomic_rc_box_release_full(content, file->config.clear);
}

ReloadedFile *
reloaded_file_new(const char *path, const ReloadedFileConfig *config, GError **error)
{
    Stamp stamp = stamp_of(path); /* before reading: a change meanwhile is seen later */
    void *content = config->parse(path, config->data, error);
    if (content == NULL)
        return NULL;
    ReloadedFile *file = g_new0(ReloadedFile, 1);
    file->path = g_strdup(path);
    file->config = *config;
    if (file->config.interval_us == 0)
        file->config.interval_us = INTERVAL_US;
    g_mutex_init(&file->lock);
    file->looked_us = g_get_monotonic_time();
    file->stamp = stamp;
    file->content = content;
    file->counts.is_current = true;
    return file;
}

void
reloaded_file_free(ReloadedFile *file)
{
    if (file == NULL)
        return;
    reloaded_file_release(file, file->content);
    g_mutex_clear(&file->lock);
    g_free(file->path);
    g_free(file);
}

/* With the lock held. */
static void
read_again(ReloadedFile *file)
{
    g_autoptr(GError) error = NULL;
    void *content = file->config.parse(file->path, file->config.data, &error);
    file->counts.reloads++;
    file->counts.is_current = content != NULL;
    if (content != NULL) {
        reloaded_file_release(file, file->content);
        file->content = content;
    } else {
        file->counts.failures++;
    }
    if (file->config.notice != NULL)
        file->config.notice(file->path, error, file->config.notice_data);
}

/* With the lock held. */
static void
look(ReloadedFile *file)
{
    gint64 now_us = g_get_monotonic_time();
    if (now_us - file->looked_us < file->config.interval_us)
        return;
    file->looked_us = now_us;
    Stamp stamp = stamp_of(file->path);
    if (is_same(&stamp, &file->stamp))
        return;
    file->stamp = stamp;
    read_again(file);
}

void *
reloaded_file_acquire(ReloadedFile *file)
{
    g_mutex_lock(&file->lock);
    look(file);
    void *content = g_atomic_rc_box_acquire(file->content);
    g_mutex_unlock(&file->lock);
    return content;
}

void
reloaded_file_get_counts(ReloadedFile *file, ReloadedFileCounts *ret_counts)
{
    g_mutex_lock(&file->lock);
    look(file);
    *ret_counts = file->counts;
    g_mutex_unlock(&file->lock);
}

static void
write_metric(GString *out, const char *prefix, const char *name, const char *kind, const char *help,
             guint64 value)
{
    g_string_append_printf(out,
                           "# HELP %s_%s %s\n# TYPE %s_%s %s\n"
                           "%s_%s %" G_GUINT64_FORMAT "\n",
                           prefix, name, help, prefix, name, kind, prefix, name, value);
}

void
reloaded_file_write_metrics(ReloadedFile *file, const char *prefix, GString *out)
{
    ReloadedFileCounts counts;
    reloaded_file_get_counts(file, &counts);
    write_metric(out, prefix, "reloads_total", "counter",
                 "Times that a changed file was read again.", counts.reloads);
    write_metric(out, prefix, "reload_failures_total", "counter",
                 "Times that a changed file was not good; the last good one stays in force.",
                 counts.failures);
    write_metric(out, prefix, "current", "gauge", "1 while what is in force is what the file says.",
                 counts.is_current);
}
