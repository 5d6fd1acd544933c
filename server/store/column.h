/* A growing array that readers may look at while one writer appends to it.
 *
 * Elements never change once they are published: the writer fills elements beyond the published
 * count and then publishes the new count under the guard's lock; a reader takes pointer and count
 * under the same lock and reads without any. When the array has to move, the old memory stays until
 * no reader is left. One guard serves all columns of a head. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct {
    GMutex lock;
    GPtrArray *retired; /* memory that readers may still look at */
    uint32_t n_readers;
} ColumnGuard;

typedef struct {
    void *data; /* never NULL until it is cleared */
    uint32_t n, capacity, element_size;
} Column;

void column_guard_init(ColumnGuard *guard);
void column_guard_clear(ColumnGuard *guard);
/* A reader counts itself in before it takes pointers (with the lock held) and out when done. */
void column_guard_enter_locked(ColumnGuard *guard);
void column_guard_leave(ColumnGuard *guard);

void column_init(Column *column, uint32_t element_size);
void column_clear(Column *column);
/* Room for `n` more elements behind the last one; counts them in and returns the first. */
void *column_push(Column *column, ColumnGuard *guard, uint32_t n);
/* Bytes of memory held. */
size_t column_size(const Column *column);
