#include "server/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/error.h"

#define LISTEN_BACKLOG 1024

/* Splits "ADDR:PORT" or "[ADDR]:PORT". */
static bool
split_address(const char *listen, char **ret_host, char **ret_port, GError **error)
{
    const char *colon = strrchr(listen, ':');
    guint64 port;
    if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "listen address '%s' is not ADDR:PORT",
                  listen);
        return false;
    }
    size_t length = (size_t)(colon - listen);
    bool bracketed = length >= 2 && listen[0] == '[' && listen[length - 1] == ']';
    *ret_host = bracketed ? g_strndup(listen + 1, length - 2) : g_strndup(listen, length);
    *ret_port = g_strdup(colon + 1);
    return true;
}

/* Binds and listens on one resolved address; -1 with errno. */
static int
bind_to(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* The address a socket is bound to, as text. */
static char *
bound_address(int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t length = sizeof(storage);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&storage, &length) != 0 ||
        getnameinfo((struct sockaddr *)&storage, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NULL;
    bool v6 = storage.ss_family == AF_INET6;
    return g_strdup_printf("%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

int
listen_on(const char *text, char **ret_address, GError **error)
{
    g_autofree char *host = NULL, *port = NULL;
    if (!split_address(text, &host, &port, error))
        return -1;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int failed = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &list);
    if (failed != 0) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "cannot listen on %s: %s", text,
                  gai_strerror(failed));
        return -1;
    }
    int fd = bind_to(list), why = errno;
    freeaddrinfo(list);
    if (fd < 0) {
        error_set(error, CRESSET_ERROR_UNAVAILABLE, "cannot listen on %s: %s", text,
                  g_strerror(why));
        return -1;
    }
    *ret_address = bound_address(fd);
    if (*ret_address != NULL)
        return fd;
    error_set_errno(error, errno, "cannot read the address of the socket on %s", text);
    close(fd);
    return -1;
}
