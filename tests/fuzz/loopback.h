/* What fuzz targets of whole servers share: one connection, whose sending side the client closes as
 * soon as everything is sent. The timer of libFuzzer interrupts calls. */
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

/* What the server answers until it closes, which it has to. */
static inline GByteArray *
loopback_exchange(const char *address, const uint8_t *data, size_t size)
{
    int fd = loopback_connect(address);
    GByteArray *answer = g_byte_array_new();
    while (size > 0) {
        ssize_t sent = TEMP_FAILURE_RETRY(send(fd, data, size, MSG_NOSIGNAL));
        if (sent <= 0)
            break; /* refused half-way */
        data += sent;
        size -= (size_t)sent;
    }
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
