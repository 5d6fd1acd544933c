/* Every file operation of the store, behind a table, so that tests can inject faults and pull the
 * plug. Paths are absolute; results below 0 are negated errno values. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Disk Disk;

typedef struct {
    int (*make_dir)(Disk *disk, const char *path); /* with parents; present is fine */
    int (*create)(Disk *disk, const char *path);   /* new, read and write; an fd */
    int (*open)(Disk *disk, const char *path);     /* read only; an fd */
    int (*close)(Disk *disk, int fd);
    int64_t (*size)(Disk *disk, int fd);
    int64_t (*read)(Disk *disk, int fd, void *data, size_t size, uint64_t offset);
    int64_t (*write)(Disk *disk, int fd, const void *data, size_t size, uint64_t offset);
    int (*sync)(Disk *disk, int fd); /* data and size durable */
    int (*rename)(Disk *disk, const char *from, const char *to);
    int (*remove)(Disk *disk, const char *path);
    int (*sync_dir)(Disk *disk, const char *path); /* names durable */
    /* Adds the names of the regular files of a folder, unsorted. */
    int (*list)(Disk *disk, const char *path, GPtrArray *names);
    int (*lock)(Disk *disk, const char *path); /* an fd that holds the lock; -EWOULDBLOCK */
    /* The whole file in memory, read only; NULL and *ret_error on failure. */
    const uint8_t *(*map)(Disk *disk, int fd, size_t size, int *ret_error);
    void (*unmap)(Disk *disk, const uint8_t *data, size_t size);
} DiskOps;

struct Disk {
    const DiskOps *ops;
};

/* The real one. */
Disk *disk_system(void);

/* Writes all of it, however often the disk writes short or is interrupted; 0 or an error. */
int disk_write_all(Disk *disk, int fd, const void *data, size_t size, uint64_t offset);
/* Reads exactly `size` bytes; -EIO when the file ends before. */
int disk_read_all(Disk *disk, int fd, void *data, size_t size, uint64_t offset);
