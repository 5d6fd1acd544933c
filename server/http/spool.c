#include "server/http/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "lib/base/error.h"

#define NAME_PREFIX ".body-"
#define PIECE_BYTES ((size_t)256 * 1024)

struct HttpSpool {
    int fd;
    char *path;
    GByteArray *piece;   /* is collected */
    GByteArray *writing; /* is written, while is_writing */
    size_t charged;      /* bytes of both, counted against the server's body memory */
    int write_errno;     /* why writing failed: read when nothing writes */
    bool is_writing, is_ended, is_kept;
};

bool
spool_dir_open(const char *path, GError **error)
{
    if (g_mkdir_with_parents(path, 0750) != 0)
        return error_set_errno(error, errno, "cannot create %s", path);
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (g_str_has_prefix(name, NAME_PREFIX))
            (void)g_unlink(file);
    }
    return dir != NULL;
}

HttpSpool *
spool_new(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, NAME_PREFIX "XXXXXX", NULL);
    int fd = g_mkstemp_full(path, O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_set(error, CRESSET_ERROR_UNAVAILABLE, "cannot store the request body: %s",
                  g_strerror(errno));
        return NULL;
    }
    HttpSpool *spool = g_new0(HttpSpool, 1);
    spool->fd = fd;
    spool->path = g_steal_pointer(&path);
    spool->piece = g_byte_array_new();
    spool->writing = g_byte_array_new();
    return spool;
}

void
spool_free(HttpSpool *spool, HttpServer *server)
{
    if (spool == NULL)
        return;
    server_uncharge(server, spool->charged);
    close(spool->fd);
    if (!spool->is_kept)
        (void)g_unlink(spool->path);
    g_byte_array_unref(spool->piece);
    g_byte_array_unref(spool->writing);
    g_free(spool->path);
    g_free(spool);
}

/* Gives the piece to the thread that writes, with a reference of the exchange. */
static void
write_piece(HttpExchange *exchange)
{
    HttpSpool *spool = exchange->spool;
    GByteArray *full = spool->piece;
    spool->piece = spool->writing;
    spool->writing = full;
    spool->is_writing = true;
    g_thread_pool_push(exchange->server->spooler, exchange_ref(exchange), NULL);
}

bool
spool_append(HttpExchange *exchange, const char *data, size_t size, GError **error)
{
    HttpSpool *spool = exchange->spool;
    if (!spool->is_writing && !spool_check(spool, error))
        return false;
    if (!server_charge(exchange->server, size, error))
        return false;
    spool->charged += size;
    g_byte_array_append(spool->piece, (const uint8_t *)data, (guint)size);
    if (!spool->is_writing && spool->piece->len >= PIECE_BYTES)
        write_piece(exchange);
    return true;
}

bool
spool_is_writing(const HttpSpool *spool)
{
    return spool != NULL && spool->is_writing;
}

static void
go_on(HttpExchange *exchange)
{
    HttpSpool *spool = exchange->spool;
    if (spool->piece->len >= (spool->is_ended ? 1 : PIECE_BYTES))
        write_piece(exchange);
    else if (spool->is_ended)
        server_dispatch(exchange);
}

void
spool_end(HttpExchange *exchange)
{
    exchange->spool->is_ended = true;
    if (!exchange->spool->is_writing)
        go_on(exchange);
}

bool
spool_written(HttpExchange *exchange)
{
    HttpSpool *spool = exchange->spool;
    spool->is_writing = false;
    spool->charged -= spool->writing->len;
    server_uncharge(exchange->server, spool->writing->len);
    g_byte_array_set_size(spool->writing, 0);
    go_on(exchange);
    return !spool->is_writing && !spool->is_ended;
}

/* 0, or why not. */
static int
write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

void
spool_write(void *data, void *user_data)
{
    HttpExchange *exchange = data;
    HttpServer *server = user_data;
    HttpSpool *spool = exchange->spool;
    if (spool->write_errno == 0)
        spool->write_errno = write_all(spool->fd, spool->writing->data, spool->writing->len);
    g_async_queue_push(server->written, exchange);
    server_wake(server);
}

bool
spool_check(const HttpSpool *spool, GError **error)
{
    return spool->write_errno == 0 ||
           error_set(error, CRESSET_ERROR_UNAVAILABLE, "cannot store the request body: %s",
                     g_strerror(spool->write_errno));
}

const char *
spool_path(const HttpSpool *spool)
{
    return spool->path;
}

void
spool_keep(HttpSpool *spool)
{
    spool->is_kept = true;
}
