#include "server/debuginfo/usage.h"

#include <inttypes.h>

#include "lib/base/error.h"

#define FULL_TEXT "the tenant's debug files are full (limit debuginfo-tenant-bytes)"

typedef struct {
    int64_t size_bytes;
    bool is_pending;
} File;

typedef struct {
    GHashTable *files;   /* build id -> File */
    GHashTable *uploads; /* build id -> DebugUpload under way, of those who began them */
    int64_t bytes;       /* of all files */
    int64_t reserved;    /* bytes of all uploads */
} Tenant;

struct DebugUsage {
    int64_t tenant_bytes_max;
    GMutex lock;         /* of the tenants; never held while the disk is asked */
    GHashTable *tenants; /* name -> Tenant; only of those that have files or uploads */
};

struct DebugUpload {
    DebugUsage *usage;
    char *tenant, *build_id;
    int64_t bytes; /* reserved */
};

static Tenant *
tenant_new(void)
{
    Tenant *tenant = g_new0(Tenant, 1);
    tenant->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    tenant->uploads = g_hash_table_new(g_str_hash, g_str_equal);
    return tenant;
}

static void
tenant_free(void *data)
{
    Tenant *tenant = data;
    g_hash_table_unref(tenant->files);
    g_hash_table_unref(tenant->uploads);
    g_free(tenant);
}

DebugUsage *
debug_usage_new(int64_t tenant_bytes_max)
{
    DebugUsage *usage = g_new0(DebugUsage, 1);
    usage->tenant_bytes_max = tenant_bytes_max;
    usage->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, tenant_free);
    g_mutex_init(&usage->lock);
    return usage;
}

void
debug_usage_free(DebugUsage *usage)
{
    if (usage == NULL)
        return;
    g_hash_table_unref(usage->tenants);
    g_mutex_clear(&usage->lock);
    g_free(usage);
}

static void
remove_file(Tenant *tenant, const char *build_id)
{
    const File *file = g_hash_table_lookup(tenant->files, build_id);
    if (file == NULL)
        return;
    tenant->bytes -= file->size_bytes;
    g_hash_table_remove(tenant->files, build_id);
}

/* The upload is over, or what came of it is counted as a file. */
static void
remove_upload(Tenant *tenant, const DebugUpload *upload)
{
    if (upload == NULL || g_hash_table_lookup(tenant->uploads, upload->build_id) != upload)
        return;
    tenant->reserved -= upload->bytes;
    g_hash_table_remove(tenant->uploads, upload->build_id);
}

static void
remove_tenant_without_files(DebugUsage *usage, const char *name)
{
    const Tenant *tenant = g_hash_table_lookup(usage->tenants, name);
    if (g_hash_table_size(tenant->files) == 0 && g_hash_table_size(tenant->uploads) == 0)
        g_hash_table_remove(usage->tenants, name);
}

static Tenant *
find_or_add_tenant(DebugUsage *usage, const char *name)
{
    Tenant *tenant = g_hash_table_lookup(usage->tenants, name);
    if (tenant == NULL) {
        tenant = tenant_new();
        g_hash_table_insert(usage->tenants, g_strdup(name), tenant);
    }
    return tenant;
}

static void
set_file(DebugUsage *usage, const char *tenant, const DebugFile *file, bool is_upload)
{
    char *build_id = g_ascii_strdown(file->gnu_build_id, -1);
    const File fresh = {file->size_bytes, file->state == DEBUG_FILE_UPLOADING};
    g_mutex_lock(&usage->lock);
    Tenant *owner = find_or_add_tenant(usage, tenant);
    if (is_upload)
        remove_upload(owner, g_hash_table_lookup(owner->uploads, build_id));
    remove_file(owner, build_id);
    owner->bytes += fresh.size_bytes;
    g_hash_table_insert(owner->files, build_id, g_memdup2(&fresh, sizeof fresh));
    g_mutex_unlock(&usage->lock);
}

void
debug_usage_set(DebugUsage *usage, const char *tenant, const DebugFile *file)
{
    set_file(usage, tenant, file, false);
}

void
debug_usage_place(DebugUsage *usage, const char *tenant, const DebugFile *file)
{
    set_file(usage, tenant, file, true);
}

void
debug_usage_remove(DebugUsage *usage, const char *tenant, const char *build_id)
{
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    g_mutex_lock(&usage->lock);
    Tenant *owner = g_hash_table_lookup(usage->tenants, tenant);
    if (owner != NULL) {
        remove_file(owner, lower);
        remove_tenant_without_files(usage, tenant);
    }
    g_mutex_unlock(&usage->lock);
}

bool
debug_usage_has_room(DebugUsage *usage, const char *tenant, unsigned files_max, GError **error)
{
    g_mutex_lock(&usage->lock);
    const Tenant *owner = g_hash_table_lookup(usage->tenants, tenant);
    unsigned n_files = owner != NULL ? g_hash_table_size(owner->files) : 0;
    int64_t bytes = owner != NULL ? owner->bytes : 0, max = usage->tenant_bytes_max;
    g_mutex_unlock(&usage->lock);
    if (n_files >= files_max)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the tenant has too many debug files: delete some first");
    return max == 0 || bytes < max || error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, FULL_TEXT);
}

/* With the lock held: the announced file, or NULL. */
static const File *
find_pending(const Tenant *tenant, const char *build_id, GError **error)
{
    const File *file = tenant != NULL ? g_hash_table_lookup(tenant->files, build_id) : NULL;
    if (file != NULL && file->is_pending)
        return file;
    error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
              "no upload of %s is pending: call ShouldInitiateUpload first", build_id);
    return NULL;
}

/* Whether so many bytes go beside the others. */
static bool
check_bytes(const DebugUsage *usage, int64_t others, int64_t size, GError **error)
{
    int64_t max = usage->tenant_bytes_max;
    return max == 0 || (others <= max && size <= max - others) ||
           error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                     "the tenant's debug files and the uploads under way leave no room for %" PRId64
                     " bytes (limit debuginfo-tenant-bytes)",
                     size);
}

/* With the lock held. The file that is there already stays until the new one is: both count. */
static bool
may_begin(const DebugUsage *usage, const Tenant *tenant, const char *build_id, int64_t bytes,
          GError **error)
{
    if (find_pending(tenant, build_id, error) == NULL)
        return false;
    if (g_hash_table_contains(tenant->uploads, build_id))
        return error_set(error, CRESSET_ERROR_ABORTED, "an upload of %s is under way already",
                         build_id);
    return check_bytes(usage, tenant->bytes + tenant->reserved, bytes, error);
}

DebugUpload *
debug_usage_begin(DebugUsage *usage, const char *tenant, const char *build_id, int64_t bytes,
                  GError **error)
{
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    DebugUpload *upload = NULL;
    g_mutex_lock(&usage->lock);
    Tenant *owner = g_hash_table_lookup(usage->tenants, tenant);
    if (may_begin(usage, owner, lower, bytes, error)) {
        upload = g_new0(DebugUpload, 1);
        *upload = (DebugUpload){usage, g_strdup(tenant), g_steal_pointer(&lower), bytes};
        owner->reserved += bytes;
        g_hash_table_insert(owner->uploads, upload->build_id, upload);
    }
    g_mutex_unlock(&usage->lock);
    return upload;
}

void
debug_upload_end(DebugUpload *upload)
{
    DebugUsage *usage = upload->usage;
    g_mutex_lock(&usage->lock);
    Tenant *owner = g_hash_table_lookup(usage->tenants, upload->tenant);
    if (owner != NULL) {
        remove_upload(owner, upload);
        remove_tenant_without_files(usage, upload->tenant);
    }
    g_mutex_unlock(&usage->lock);
    g_free(upload->tenant);
    g_free(upload->build_id);
    g_free(upload);
}

/* With the lock held. */
static bool
may_place(const DebugUsage *usage, const Tenant *tenant, const char *build_id, int64_t size,
          GError **error)
{
    const File *file = find_pending(tenant, build_id, error);
    if (file == NULL)
        return false;
    const DebugUpload *upload = g_hash_table_lookup(tenant->uploads, build_id);
    int64_t own = file->size_bytes + (upload != NULL ? upload->bytes : 0);
    return check_bytes(usage, tenant->bytes + tenant->reserved - own, size, error);
}

bool
debug_usage_may_place(DebugUsage *usage, const char *tenant, const char *build_id, int64_t size,
                      GError **error)
{
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    g_mutex_lock(&usage->lock);
    bool ok = may_place(usage, g_hash_table_lookup(usage->tenants, tenant), lower, size, error);
    g_mutex_unlock(&usage->lock);
    return ok;
}
