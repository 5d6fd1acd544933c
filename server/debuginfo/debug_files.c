#include "server/debuginfo/debug_files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"
#include "server/debuginfo/metadata.h"
#include "server/debuginfo/usage.h"

#define NS_PER_S INT64_C(1000000000)

struct DebugFiles {
    char *dir;
    DebugFilesConfig config;
    GMutex lock;       /* of every change of the folder: held while the disk works */
    DebugUsage *usage; /* what the folder has, changed with it */
};

static int64_t
real_now_ns(void)
{
    return g_get_real_time() * 1000;
}

static void
count_files(DebugFiles *files)
{
    g_autoptr(GDir) dir = g_dir_open(files->dir, 0, NULL);
    const char *tenant;
    while (dir != NULL && (tenant = g_dir_read_name(dir)) != NULL) {
        g_autoptr(GPtrArray) list = debug_files_list(files, tenant);
        for (guint i = 0; i < list->len; i++)
            debug_usage_set(files->usage, tenant, list->pdata[i]);
    }
}

DebugFiles *
debug_files_new(const DebugFilesConfig *config)
{
    DebugFiles *files = g_new0(DebugFiles, 1);
    files->config = *config;
    files->dir = g_strdup(config->dir);
    if (files->config.tenant_files_max == 0)
        files->config.tenant_files_max = CRESSET_DEBUG_FILES_MAX;
    if (files->config.now_ns == NULL)
        files->config.now_ns = real_now_ns;
    g_mutex_init(&files->lock);
    files->usage = debug_usage_new(config->tenant_bytes_max);
    count_files(files);
    return files;
}

void
debug_files_free(DebugFiles *files)
{
    if (files == NULL)
        return;
    debug_usage_free(files->usage);
    g_mutex_clear(&files->lock);
    g_free(files->dir);
    g_free(files);
}

bool
debug_build_id_is_valid(const char *build_id)
{
    size_t length = strlen(build_id);
    return length >= 2 && length <= 40 && strspn(build_id, "0123456789abcdefABCDEF") == length;
}

/* DIR/TENANT/BUILD_ID/NAME, or without NAME when that is NULL. Build ids are compared in lower
 * case. */
static char *
path_of(const DebugFiles *files, const char *tenant, const char *build_id, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    return g_build_filename(files->dir, tenant, lower, name, NULL);
}

static DebugFile *
read_metadata(const DebugFiles *files, const char *tenant, const char *build_id)
{
    g_autofree char *path = path_of(files, tenant, build_id, "metadata");
    return debug_metadata_read(path);
}

/* Writes it and counts the file. */
static bool
write_metadata(const DebugFiles *files, const char *tenant, const DebugFile *file, GError **error)
{
    g_autofree char *folder = path_of(files, tenant, file->gnu_build_id, NULL);
    g_autofree char *path = path_of(files, tenant, file->gnu_build_id, "metadata");
    if (g_mkdir_with_parents(folder, 0750) != 0)
        return error_set_errno(error, errno, "cannot create %s", folder);
    if (!debug_metadata_write(path, file, error))
        return false;
    debug_usage_set(files->usage, tenant, file);
    return true;
}

static bool
is_stale(const DebugFiles *files, const DebugFile *file)
{
    return files->config.now_ns() - file->started_ns > DEBUG_UPLOAD_STALE_S * NS_PER_S;
}

/* Why the tenant may not have one more file, or NULL. */
static char *
reason_against_more(DebugFiles *files, const char *tenant)
{
    g_autoptr(GError) error = NULL;
    return debug_usage_has_room(files->usage, tenant, files->config.tenant_files_max, &error)
               ? NULL
               : g_strdup(error->message);
}

/* Why the file is not wanted, or NULL. */
static char *
reason_against(DebugFiles *files, const char *tenant, const DebugFile *file)
{
    if (!debug_build_id_is_valid(file->gnu_build_id))
        return g_strdup("gnu_build_id must be 2 to 40 hexadecimal digits");
    g_autoptr(DebugFile) known = read_metadata(files, tenant, file->gnu_build_id);
    if (known != NULL && known->state == DEBUG_FILE_UPLOADED)
        return g_strdup("already uploaded");
    if (known != NULL && !is_stale(files, known))
        return g_strdup("upload in progress");
    return reason_against_more(files, tenant);
}

/* Bytes that came for an announcement which is void. */
static bool
remove_exe(const DebugFiles *files, const char *tenant, const char *build_id, GError **error)
{
    g_autofree char *exe = path_of(files, tenant, build_id, "exe");
    return g_unlink(exe) == 0 || errno == ENOENT ||
           error_set_errno(error, errno, "cannot remove %s", exe);
}

bool
debug_files_announce(DebugFiles *files, const char *tenant, const DebugFile *file,
                     char **ret_reason, GError **error)
{
    DebugFile fresh = *file;
    fresh.state = DEBUG_FILE_UPLOADING;
    fresh.started_ns = files->config.now_ns();
    fresh.finished_ns = fresh.size_bytes = 0;
    g_mutex_lock(&files->lock);
    *ret_reason = reason_against(files, tenant, file);
    bool ok = *ret_reason == NULL && remove_exe(files, tenant, file->gnu_build_id, error) &&
              write_metadata(files, tenant, &fresh, error);
    g_mutex_unlock(&files->lock);
    return ok;
}

bool
debug_build_id_check(const ElfFile *elf, const char *build_id, GError **error)
{
    uint8_t id[ELF_FILE_BUILD_ID_MAX];
    size_t size = elf_file_build_id(elf, id);
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(text, "%02x", id[i]);
    if (g_ascii_strcasecmp(text->str, build_id) == 0)
        return true;
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the file has the build id %s, not %s",
                     size > 0 ? text->str : "(none)", build_id);
}

DebugUpload *
debug_files_admit(DebugFiles *files, const char *tenant, const char *build_id, int64_t size,
                  GError **error)
{
    return debug_usage_begin(files->usage, tenant, build_id,
                             size >= 0 ? size : files->config.file_bytes_max, error);
}

/* That the file is what was announced, and safe on the disk. */
static bool
check_file(const char *path, const char *build_id, int64_t *ret_size, GError **error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return error_set_errno(error, errno, "cannot open the uploaded file");
    *ret_size = status.st_size;
    g_autoptr(ElfFile) elf = elf_file_open(fd, error);
    bool ok = elf != NULL && debug_build_id_check(elf, build_id, error) &&
              (fdatasync(fd) == 0 || error_set_errno(error, errno, "cannot write %s", path));
    close(fd);
    return ok;
}

static bool
place_file(DebugFiles *files, const char *tenant, const char *build_id, const char *path,
           int64_t size, GError **error)
{
    if (!debug_usage_may_place(files->usage, tenant, build_id, size, error))
        return false;
    g_autoptr(DebugFile) file = read_metadata(files, tenant, build_id);
    if (file == NULL)
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "the metadata of %s cannot be read",
                         build_id);
    file->size_bytes = size;
    g_autofree char *place = path_of(files, tenant, file->gnu_build_id, "exe");
    if (g_rename(path, place) != 0)
        return error_set_errno(error, errno, "cannot move the file to %s", place);
    debug_usage_place(files->usage, tenant, file);
    return write_metadata(files, tenant, file, error);
}

bool
debug_files_receive(DebugFiles *files, const char *tenant, const char *build_id, const char *path,
                    GError **error)
{
    int64_t size = 0;
    if (!debug_usage_may_place(files->usage, tenant, build_id, 0, error) ||
        !check_file(path, build_id, &size, error))
        return false;
    g_mutex_lock(&files->lock);
    bool ok = place_file(files, tenant, build_id, path, size, error);
    g_mutex_unlock(&files->lock);
    return ok;
}

bool
debug_files_finish(DebugFiles *files, const char *tenant, const char *build_id, GError **error)
{
    g_mutex_lock(&files->lock);
    g_autoptr(DebugFile) file =
        debug_build_id_is_valid(build_id) ? read_metadata(files, tenant, build_id) : NULL;
    bool ok;
    if (file == NULL || file->size_bytes == 0) {
        ok = error_set(error, CRESSET_ERROR_NOT_FOUND, "no bytes of %s have been uploaded",
                       build_id);
    } else {
        file->state = DEBUG_FILE_UPLOADED;
        file->finished_ns = files->config.now_ns();
        ok = write_metadata(files, tenant, file, error);
    }
    g_mutex_unlock(&files->lock);
    return ok;
}

static gint
compare_build_ids(gconstpointer left, gconstpointer right)
{
    const DebugFile *a = *(DebugFile *const *)left, *b = *(DebugFile *const *)right;
    return strcmp(a->gnu_build_id, b->gnu_build_id);
}

GPtrArray *
debug_files_list(DebugFiles *files, const char *tenant)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)debug_file_free);
    g_autofree char *folder = g_build_filename(files->dir, tenant, NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        DebugFile *file = debug_build_id_is_valid(name) ? read_metadata(files, tenant, name) : NULL;
        if (file != NULL)
            g_ptr_array_add(list, file);
    }
    g_ptr_array_sort(list, compare_build_ids);
    return list;
}

bool
debug_files_delete(DebugFiles *files, const char *tenant, const char *build_id, GError **error)
{
    if (!debug_build_id_is_valid(build_id))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "gnu_build_id must be 2 to 40 hexadecimal digits");
    g_autofree char *folder = path_of(files, tenant, build_id, NULL);
    g_autofree char *metadata = path_of(files, tenant, build_id, "metadata");
    g_autofree char *exe = path_of(files, tenant, build_id, "exe");
    g_mutex_lock(&files->lock);
    bool was_there = g_unlink(metadata) == 0;
    (void)g_unlink(exe);
    (void)g_rmdir(folder);
    debug_usage_remove(files->usage, tenant, build_id);
    g_mutex_unlock(&files->lock);
    return was_there ||
           error_set(error, CRESSET_ERROR_NOT_FOUND, "there is no debug file %s", build_id);
}

int
debug_files_open(DebugFiles *files, const char *tenant, const char *build_id)
{
    if (!debug_build_id_is_valid(build_id))
        return -1;
    g_autoptr(DebugFile) file = read_metadata(files, tenant, build_id);
    if (file == NULL || file->state != DEBUG_FILE_UPLOADED)
        return -1;
    g_autofree char *exe = path_of(files, tenant, build_id, "exe");
    return open(exe, O_RDONLY | O_CLOEXEC);
}
