#include "server/store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int
result_of(int64_t result)
{
    return result < 0 ? -errno : (int)result;
}

static int
system_make_dir(Disk *disk, const char *path)
{
    (void)disk;
    return result_of(g_mkdir_with_parents(path, 0750));
}

static int
system_create(Disk *disk, const char *path)
{
    (void)disk;
    return result_of(open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640));
}

static int
system_open(Disk *disk, const char *path)
{
    (void)disk;
    return result_of(open(path, O_RDONLY | O_CLOEXEC));
}

static int
system_close(Disk *disk, int fd)
{
    (void)disk;
    return result_of(close(fd));
}

static int64_t
system_size(Disk *disk, int fd)
{
    (void)disk;
    struct stat status;
    return fstat(fd, &status) < 0 ? -errno : (int64_t)status.st_size;
}

static int64_t
system_read(Disk *disk, int fd, void *data, size_t size, uint64_t offset)
{
    (void)disk;
    ssize_t result = pread(fd, data, size, (off_t)offset);
    return result < 0 ? -errno : result;
}

static int64_t
system_write(Disk *disk, int fd, const void *data, size_t size, uint64_t offset)
{
    (void)disk;
    ssize_t result = pwrite(fd, data, size, (off_t)offset);
    return result < 0 ? -errno : result;
}

static int
system_sync(Disk *disk, int fd)
{
    (void)disk;
    return result_of(fdatasync(fd));
}

static int
system_rename(Disk *disk, const char *from, const char *to)
{
    (void)disk;
    return result_of(rename(from, to));
}

static int
system_remove(Disk *disk, const char *path)
{
    (void)disk;
    return result_of(unlink(path));
}

static int
system_sync_dir(Disk *disk, const char *path)
{
    (void)disk;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = result_of(fsync(fd));
    close(fd);
    return result;
}

static int
system_list(Disk *disk, const char *path, GPtrArray *names)
{
    (void)disk;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat status;
        if (fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    closedir(dir);
    return 0;
}

static int
system_lock(Disk *disk, const char *path)
{
    (void)disk;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static const uint8_t *
system_map(Disk *disk, int fd, size_t size, int *ret_error)
{
    (void)disk;
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        *ret_error = -errno;
        return NULL;
    }
    return data;
}

static void
system_unmap(Disk *disk, const uint8_t *data, size_t size)
{
    (void)disk;
    munmap((void *)(uintptr_t)data, size);
}

static const DiskOps system_ops = {
    .make_dir = system_make_dir,
    .create = system_create,
    .open = system_open,
    .close = system_close,
    .size = system_size,
    .read = system_read,
    .write = system_write,
    .sync = system_sync,
    .rename = system_rename,
    .remove = system_remove,
    .sync_dir = system_sync_dir,
    .list = system_list,
    .lock = system_lock,
    .map = system_map,
    .unmap = system_unmap,
};

Disk *
disk_system(void)
{
    static Disk disk = {&system_ops};
    return &disk;
}

int
disk_write_all(Disk *disk, int fd, const void *data, size_t size, uint64_t offset)
{
    for (const char *at = data; size > 0;) {
        int64_t written = disk->ops->write(disk, fd, at, size, offset);
        if (written == -EINTR)
            continue;
        if (written < 0)
            return (int)written;
        if (written == 0)
            return -EIO;
        at += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return 0;
}

int
disk_read_all(Disk *disk, int fd, void *data, size_t size, uint64_t offset)
{
    for (char *at = data; size > 0;) {
        int64_t got = disk->ops->read(disk, fd, at, size, offset);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}
