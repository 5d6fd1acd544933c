/* Tells ThreadSanitizer what GLib's locks, queues and thread pools order. Their futexes lie inside
 * a library that is not instrumented, so without this every use of them looks like a race. The
 * linker sends each call of the wrapped functions here (--wrap in cmake/Sanitizers.cmake). */
#include <glib.h>
#include <pthread.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

/* Whoever drops the last reference has seen what the others did before they dropped theirs. */
gboolean __real_g_atomic_ref_count_dec(gatomicrefcount *count);
gboolean __wrap_g_atomic_ref_count_dec(gatomicrefcount *count);
gboolean
__wrap_g_atomic_ref_count_dec(gatomicrefcount *count)
{
    __tsan_release(count);
    gboolean is_last = __real_g_atomic_ref_count_dec(count);
    if (is_last)
        __tsan_acquire(count);
    return is_last;
}

void __real_g_mutex_lock(GMutex *mutex);
void __wrap_g_mutex_lock(GMutex *mutex);
void
__wrap_g_mutex_lock(GMutex *mutex)
{
    __real_g_mutex_lock(mutex);
    __tsan_acquire(mutex);
}

gboolean __real_g_mutex_trylock(GMutex *mutex);
gboolean __wrap_g_mutex_trylock(GMutex *mutex);
gboolean
__wrap_g_mutex_trylock(GMutex *mutex)
{
    gboolean locked = __real_g_mutex_trylock(mutex);
    if (locked)
        __tsan_acquire(mutex);
    return locked;
}

void __real_g_mutex_unlock(GMutex *mutex);
void __wrap_g_mutex_unlock(GMutex *mutex);
void
__wrap_g_mutex_unlock(GMutex *mutex)
{
    __tsan_release(mutex);
    __real_g_mutex_unlock(mutex);
}

void __real_g_cond_wait(GCond *cond, GMutex *mutex);
void __wrap_g_cond_wait(GCond *cond, GMutex *mutex);
void
__wrap_g_cond_wait(GCond *cond, GMutex *mutex)
{
    __tsan_release(mutex);
    __real_g_cond_wait(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean __real_g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time);
gboolean __wrap_g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time);
gboolean
__wrap_g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    __tsan_release(mutex);
    gboolean in_time = __real_g_cond_wait_until(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return in_time;
}

void __real_g_async_queue_push(GAsyncQueue *queue, gpointer data);
void __wrap_g_async_queue_push(GAsyncQueue *queue, gpointer data);
void
__wrap_g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
    __tsan_release(queue);
    __real_g_async_queue_push(queue, data);
}

gpointer __real_g_async_queue_pop(GAsyncQueue *queue);
gpointer __wrap_g_async_queue_pop(GAsyncQueue *queue);
gpointer
__wrap_g_async_queue_pop(GAsyncQueue *queue)
{
    gpointer data = __real_g_async_queue_pop(queue);
    __tsan_acquire(queue);
    return data;
}

gpointer __real_g_async_queue_try_pop(GAsyncQueue *queue);
gpointer __wrap_g_async_queue_try_pop(GAsyncQueue *queue);
gpointer
__wrap_g_async_queue_try_pop(GAsyncQueue *queue)
{
    gpointer data = __real_g_async_queue_try_pop(queue);
    __tsan_acquire(queue);
    return data;
}

/* A pool of ours: its work goes through run_item(), which sees what the pusher did before. */
typedef struct {
    GFunc func;
    gpointer user_data;
} Pool;

static void
run_item(gpointer data, gpointer user_data)
{
    Pool *pool = user_data;
    __tsan_acquire(pool);
    pool->func(data, pool->user_data);
    __tsan_release(&pool->func);
}

GThreadPool *__real_g_thread_pool_new(GFunc func, gpointer user_data, gint max_threads,
                                      gboolean exclusive, GError **error);
GThreadPool *__wrap_g_thread_pool_new(GFunc func, gpointer user_data, gint max_threads,
                                      gboolean exclusive, GError **error);
GThreadPool *
__wrap_g_thread_pool_new(GFunc func, gpointer user_data, gint max_threads, gboolean exclusive,
                         GError **error)
{
    Pool *pool = g_new(Pool, 1);
    *pool = (Pool){func, user_data};
    return __real_g_thread_pool_new(run_item, pool, max_threads, exclusive, error);
}

gboolean __real_g_thread_pool_push(GThreadPool *threads, gpointer data, GError **error);
gboolean __wrap_g_thread_pool_push(GThreadPool *threads, gpointer data, GError **error);
gboolean
__wrap_g_thread_pool_push(GThreadPool *threads, gpointer data, GError **error)
{
    __tsan_release(threads->user_data);
    return __real_g_thread_pool_push(threads, data, error);
}

void __real_g_thread_pool_free(GThreadPool *threads, gboolean immediate, gboolean wait);
void __wrap_g_thread_pool_free(GThreadPool *threads, gboolean immediate, gboolean wait);
void
__wrap_g_thread_pool_free(GThreadPool *threads, gboolean immediate, gboolean wait)
{
    Pool *pool = threads->user_data;
    __real_g_thread_pool_free(threads, immediate, wait);
    if (wait) {
        __tsan_acquire(&pool->func);
        g_free(pool);
    }
}

/* The event descriptor of a cancellable: written by the canceller, closed by the last waiter. */
/* Cancelling writes to the descriptor that getting it makes and releasing it closes. GLib does all
 * of that under a lock of its own; what cancel is connected to may release, hence the recursion. */
static pthread_mutex_t cancellables = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void __real_g_cancellable_cancel(gpointer cancellable);
void __wrap_g_cancellable_cancel(gpointer cancellable);
void
__wrap_g_cancellable_cancel(gpointer cancellable)
{
    (void)pthread_mutex_lock(&cancellables);
    __tsan_acquire(cancellable);
    __real_g_cancellable_cancel(cancellable);
    __tsan_release(cancellable);
    (void)pthread_mutex_unlock(&cancellables);
}

int __real_g_cancellable_get_fd(gpointer cancellable);
int __wrap_g_cancellable_get_fd(gpointer cancellable);
int
__wrap_g_cancellable_get_fd(gpointer cancellable)
{
    if (cancellable == NULL)
        return -1;
    (void)pthread_mutex_lock(&cancellables);
    int fd = __real_g_cancellable_get_fd(cancellable);
    __tsan_release(cancellable);
    (void)pthread_mutex_unlock(&cancellables);
    return fd;
}

void __real_g_cancellable_release_fd(gpointer cancellable);
void __wrap_g_cancellable_release_fd(gpointer cancellable);
void
__wrap_g_cancellable_release_fd(gpointer cancellable)
{
    if (cancellable == NULL)
        return;
    (void)pthread_mutex_lock(&cancellables);
    __tsan_acquire(cancellable);
    __real_g_cancellable_release_fd(cancellable);
    (void)pthread_mutex_unlock(&cancellables);
}
