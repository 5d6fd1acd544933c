#include "tests/harness/relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 16 * 1024, POLL_MS = 20 };

struct Relay {
    int listener;
    uint16_t port;
    GThread *acceptor;
    GMutex lock; /* guards what follows */
    RelayMode mode;
    uint16_t upstream;
    unsigned n_faults, generation; /* generation: of mode and upstream */
    bool is_ending;
    GPtrArray *threads; /* GThread, one per connection ever made */
};

typedef struct {
    Relay *relay;
    int client, server;
    unsigned generation;
} Connection;

static struct sockaddr_in
address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool
send_all(int fd, const char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = send(fd, data + done, size - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void
reset_on_close(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static RelayMode
mode_of(Connection *connection, bool *ret_is_stale)
{
    Relay *relay = connection->relay;
    g_mutex_lock(&relay->lock);
    RelayMode mode = relay->mode;
    *ret_is_stale = relay->is_ending || connection->generation != relay->generation;
    g_mutex_unlock(&relay->lock);
    return mode;
}

static void
count_fault(Relay *relay)
{
    g_mutex_lock(&relay->lock);
    relay->n_faults++;
    g_mutex_unlock(&relay->lock);
}

/* Passes on what the client sends; false when that is over. */
static bool
pass_request(Connection *connection, RelayMode mode)
{
    char chunk[CHUNK];
    ssize_t n = recv(connection->client, chunk, sizeof(chunk), 0);
    if (n <= 0)
        return false;
    if (mode != RELAY_CUT)
        return send_all(connection->server, chunk, (size_t)n);
    (void)send_all(connection->server, chunk, (size_t)n / 2);
    reset_on_close(connection->client);
    reset_on_close(connection->server);
    count_fault(connection->relay);
    return false;
}

/* The same for what the server answers. */
static bool
pass_reply(Connection *connection, RelayMode mode)
{
    char chunk[CHUNK];
    ssize_t n = recv(connection->server, chunk, sizeof(chunk), 0);
    if (n <= 0)
        return false;
    if (mode == RELAY_LOSE_REPLY) {
        reset_on_close(connection->client);
        count_fault(connection->relay);
        return false;
    }
    if (mode == RELAY_HALF_CLOSE) {
        count_fault(connection->relay);
        (void)shutdown(connection->client, SHUT_WR);
        while (recv(connection->client, chunk, sizeof(chunk), 0) > 0)
            continue;
        return false;
    }
    return send_all(connection->client, chunk, (size_t)n);
}

static void
pump(Connection *connection)
{
    struct pollfd ends[] = {{.fd = connection->client, .events = POLLIN},
                            {.fd = connection->server, .events = POLLIN}};
    for (bool goes_on = true; goes_on;) {
        bool is_stale;
        (void)poll(ends, 2, POLL_MS);
        RelayMode mode = mode_of(connection, &is_stale);
        if (is_stale)
            return;
        if (ends[1].revents != 0)
            goes_on = pass_reply(connection, mode);
        if (goes_on && ends[0].revents != 0)
            goes_on = pass_request(connection, mode);
    }
}

static gpointer
connection_run(gpointer data)
{
    Connection *connection = data;
    Relay *relay = connection->relay;
    g_mutex_lock(&relay->lock);
    RelayMode mode = relay->mode;
    connection->generation = relay->generation;
    struct sockaddr_in address = address_of(relay->upstream);
    g_mutex_unlock(&relay->lock);
    connection->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (mode == RELAY_REFUSE)
        count_fault(relay);
    else if (connect(connection->server, (struct sockaddr *)&address, sizeof(address)) == 0)
        pump(connection);
    (void)close(connection->client);
    (void)close(connection->server);
    g_free(connection);
    return NULL;
}

static gpointer
accept_run(gpointer data)
{
    Relay *relay = data;
    for (int fd; (fd = accept(relay->listener, NULL, NULL)) >= 0;) {
        Connection *connection = g_new0(Connection, 1);
        connection->relay = relay;
        connection->client = fd;
        GThread *thread = g_thread_new("relay", connection_run, connection);
        g_mutex_lock(&relay->lock);
        g_ptr_array_add(relay->threads, thread);
        g_mutex_unlock(&relay->lock);
    }
    return NULL;
}

Relay *
relay_new(void)
{
    Relay *relay = g_new0(Relay, 1);
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof(address);
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(relay->listener, (struct sockaddr *)&address, size) < 0 ||
        listen(relay->listener, 64) < 0 ||
        getsockname(relay->listener, (struct sockaddr *)&address, &size) < 0)
        g_error("the relay cannot listen");
    relay->port = ntohs(address.sin_port);
    relay->mode = RELAY_REFUSE;
    g_mutex_init(&relay->lock);
    relay->threads = g_ptr_array_new();
    relay->acceptor = g_thread_new("relay-accept", accept_run, relay);
    return relay;
}

void
relay_free(Relay *relay)
{
    if (relay == NULL)
        return;
    g_mutex_lock(&relay->lock);
    relay->is_ending = true;
    g_mutex_unlock(&relay->lock);
    (void)shutdown(relay->listener, SHUT_RDWR); /* ends accept */
    g_thread_join(relay->acceptor);
    for (guint i = 0; i < relay->threads->len; i++)
        g_thread_join(relay->threads->pdata[i]);
    (void)close(relay->listener);
    g_ptr_array_unref(relay->threads);
    g_mutex_clear(&relay->lock);
    g_free(relay);
}

char *
relay_url(const Relay *relay)
{
    return g_strdup_printf("http://127.0.0.1:%u", relay->port);
}

void
relay_set(Relay *relay, RelayMode mode, uint16_t port)
{
    g_mutex_lock(&relay->lock);
    relay->mode = mode;
    relay->upstream = port;
    relay->generation++;
    g_mutex_unlock(&relay->lock);
}

unsigned
relay_faults(Relay *relay)
{
    g_mutex_lock(&relay->lock);
    unsigned n = relay->n_faults;
    g_mutex_unlock(&relay->lock);
    return n;
}
