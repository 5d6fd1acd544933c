#include "server/store/column.h"

#include <string.h>

enum { COLUMN_CAPACITY_MIN = 16 };

void
column_guard_init(ColumnGuard *guard)
{
    g_mutex_init(&guard->lock);
    guard->retired = g_ptr_array_new_with_free_func(g_free);
    guard->n_readers = 0;
}

void
column_guard_clear(ColumnGuard *guard)
{
    g_mutex_clear(&guard->lock);
    g_clear_pointer(&guard->retired, g_ptr_array_unref);
}

void
column_guard_enter_locked(ColumnGuard *guard)
{
    guard->n_readers++;
}

void
column_guard_leave(ColumnGuard *guard)
{
    g_mutex_lock(&guard->lock);
    if (--guard->n_readers == 0)
        g_ptr_array_set_size(guard->retired, 0);
    g_mutex_unlock(&guard->lock);
}

void
column_init(Column *column, uint32_t element_size)
{
    *column = (Column){.data = g_malloc_n(COLUMN_CAPACITY_MIN, element_size),
                       .capacity = COLUMN_CAPACITY_MIN,
                       .element_size = element_size};
}

void
column_clear(Column *column)
{
    g_clear_pointer(&column->data, g_free);
    column->n = column->capacity = 0;
}

static void
grow(Column *column, ColumnGuard *guard, uint64_t needed)
{
    if (needed > UINT32_MAX)
        g_error("column of %u-byte elements is full", column->element_size);
    uint64_t capacity = column->capacity;
    while (capacity < needed)
        capacity *= 2;
    capacity = MIN(capacity, (uint64_t)UINT32_MAX);
    void *data = g_malloc_n(capacity, column->element_size);
    memcpy(data, column->data, (size_t)column->n * column->element_size);
    g_mutex_lock(&guard->lock);
    void *old = column->data;
    column->data = data;
    if (guard->n_readers > 0)
        g_ptr_array_add(guard->retired, g_steal_pointer(&old));
    g_mutex_unlock(&guard->lock);
    g_free(old);
    column->capacity = (uint32_t)capacity;
}

void *
column_push(Column *column, ColumnGuard *guard, uint32_t n)
{
    uint64_t needed = (uint64_t)column->n + n;
    if (needed > column->capacity)
        grow(column, guard, needed);
    void *first = (char *)column->data + (size_t)column->n * column->element_size;
    column->n = (uint32_t)needed;
    return first;
}

size_t
column_size(const Column *column)
{
    return (size_t)column->capacity * column->element_size;
}
