/* What fuzz targets of whole servers and clients share: one connection at a time, whose sending
 * side the target's peer closes as soon as everything is sent. The timer of libFuzzer interrupts
 * calls.
 */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPBACK_ANSWER_MS = 20 * 1000, LOOPBACK_READ_BYTES = 16 * 1024 };

static inline int
loopback_connect(const char *address)
{
    const char *colon = strrchr(address, ':');
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)g_ascii_strtoull(colon + 1, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || TEMP_FAILURE_RETRY(connect(fd, (const struct sockaddr *)&to, sizeof to)) != 0)
        g_error("cannot connect to %s: %s", address, g_strerror(errno));
    return fd;
}

static inline void
loopback_send(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = TEMP_FAILURE_RETRY(send(fd, data, size, MSG_NOSIGNAL));
        if (sent <= 0)
            break; /* refused half-way */
        data += sent;
        size -= (size_t)sent;
    }
}

/* A socket that listens on a free port, *ret_port. */
static inline int
loopback_listen(unsigned *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        g_error("cannot listen: %s", g_strerror(errno));
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* What the server answers until it closes, which it has to. */
static inline GByteArray *
loopback_exchange(const char *address, const uint8_t *data, size_t size)
{
    int fd = loopback_connect(address);
    GByteArray *answer = g_byte_array_new();
    loopback_send(fd, data, size);
    shutdown(fd, SHUT_WR);
    for (;;) {
        uint8_t bytes[LOOPBACK_READ_BYTES];
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (TEMP_FAILURE_RETRY(poll(&ready, 1, LOOPBACK_ANSWER_MS)) <= 0)
            g_error("the server keeps the connection of a client that has left");
        ssize_t got = TEMP_FAILURE_RETRY(read(fd, bytes, sizeof bytes));
        if (got <= 0)
            break;
        g_byte_array_append(answer, bytes, (guint)got);
    }
    close(fd);
    return answer;
}
