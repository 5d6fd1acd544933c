/* A configuration file that is read again when it changes, while the program runs.
 *
 * A change is seen by the file's identity, size and time of modification, links followed, so that
 * the directory swap by which Kubernetes updates a mounted ConfigMap or Secret is one. A file that
 * cannot be parsed changes nothing: the last good content stays in force. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct ReloadedFile ReloadedFile;

/* Parses the file into a g_atomic_rc_box; NULL with *error. Called by one thread at a time. */
typedef void *(*ReloadedFileParse)(const char *path, void *data, GError **error);
/* Told about every reading but the first: NULL when the new content is in force. */
typedef void (*ReloadedFileNotice)(const char *path, const GError *error, void *data);

typedef struct {
    ReloadedFileParse parse;
    GDestroyNotify clear; /* of what the box holds; may be NULL */
    void *data;           /* for parse */
    ReloadedFileNotice notice;
    void *notice_data;
    gint64 interval_us; /* at least between two looks at the file; 0 is 5 s */
} ReloadedFileConfig;

/* Reads the file for the first time; NULL with *error when that fails. */
ReloadedFile *reloaded_file_new(const char *path, const ReloadedFileConfig *config, GError **error);
void reloaded_file_free(ReloadedFile *file);

/* The content in force, read again before when it is time and the file has changed. A reference, to
 * be given back with reloaded_file_release. From any thread. */
void *reloaded_file_acquire(ReloadedFile *file);
void reloaded_file_release(ReloadedFile *file, void *content);

typedef struct {
    guint64 reloads, failures; /* readings after the first, and those of them that failed */
    bool is_current;           /* the content is that of the file as it was last looked at */
} ReloadedFileCounts;

void reloaded_file_get_counts(ReloadedFile *file, ReloadedFileCounts *ret_counts);

/* Appends <prefix>_reloads_total, <prefix>_reload_failures_total and <prefix>_current as Prometheus
 * text. */
void reloaded_file_write_metrics(ReloadedFile *file, const char *prefix, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReloadedFile, reloaded_file_free)
