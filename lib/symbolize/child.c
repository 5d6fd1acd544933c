#include "lib/symbolize/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/symbolize/worker.h"

extern char **environ;

void
symbolize_child_init(SymbolizeChild *child, const SymbolizeChildConfig *config)
{
    *child = (SymbolizeChild){.socket = -1, .pid = -1};
    child->program = g_strdup(config->program != NULL ? config->program : "/proc/self/exe");
    child->deadline_ms = config->deadline_ms > 0 ? config->deadline_ms : 10000;
    child->reply = g_byte_array_new();
}

/* Kills the process if it still runs and says how it ended. */
static void
child_stop(SymbolizeChild *child, GString *ret_how)
{
    int status = 0;
    if (child->socket >= 0)
        close(child->socket);
    child->socket = -1;
    if (child->pid <= 0)
        return;
    pid_t ended = waitpid(child->pid, &status, WNOHANG);
    if (ended == 0) {
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    child->pid = -1;
    if (ret_how == NULL)
        return;
    if (WIFSIGNALED(status))
        g_string_append_printf(ret_how, "by signal %d", WTERMSIG(status));
    else
        g_string_append_printf(ret_how, "with status %d", WEXITSTATUS(status));
}

void
symbolize_child_clear(SymbolizeChild *child)
{
    child_stop(child, NULL);
    g_byte_array_unref(child->reply);
    g_free(child->program);
}

static bool
child_start(SymbolizeChild *child, GError **error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return error_set_errno(error, errno, "symbolizer: making a socket");
    /* dup2 to the same number would keep close-on-exec set. */
    int theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, WORKER_FD + 1);
    close(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs, WORKER_FD);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    char *argv[] = {(char *)(uintptr_t) "cresset-symbols", (char *)(uintptr_t)WORKER_ARGUMENT,
                    NULL};
    int failure = posix_spawn(&child->pid, child->program, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(theirs);
    if (failure != 0) {
        close(ends[0]);
        child->pid = -1;
        return error_set(error, CRESSET_ERROR_UNAVAILABLE, "symbolizer: cannot start %s: %s",
                         child->program, g_strerror(failure));
    }
    child->socket = ends[0];
    fcntl(child->socket, F_SETFL, O_NONBLOCK);
    child->n_starts++;
    return true;
}

static bool
wait_for(SymbolizeChild *child, short events, int64_t deadline_us, GError **error)
{
    for (;;) {
        int64_t left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        if (left_ms <= 0)
            return error_set(error, CRESSET_ERROR_DEADLINE_EXCEEDED,
                             "symbolizer: no answer within %" G_GINT64_FORMAT " ms",
                             child->deadline_ms);
        struct pollfd event = {.fd = child->socket, .events = events};
        int ready = poll(&event, 1, (int)MIN(left_ms, 60000));
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return error_set_errno(error, errno, "symbolizer: waiting");
    }
}

/* Sends bytes, the first of them with a descriptor when `fd` >= 0. */
static bool
send_all(SymbolizeChild *child, const void *bytes, size_t size, int fd, int64_t deadline_us,
         GError **error)
{
    for (const uint8_t *at = bytes; size > 0;) {
        char control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec part = {(void *)(uintptr_t)at, size};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (fd >= 0) {
            message.msg_control = control;
            message.msg_controllen = sizeof(control);
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(header), &fd, sizeof(int));
        }
        ssize_t put = sendmsg(child->socket, &message, MSG_NOSIGNAL);
        if (put < 0 && errno == EAGAIN) {
            if (!wait_for(child, POLLOUT, deadline_us, error))
                return false;
            continue;
        }
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_set(error, CRESSET_ERROR_ABORTED, "symbolizer: died");
        at += put;
        size -= (size_t)put;
        fd = -1;
    }
    return true;
}

static bool
receive_all(SymbolizeChild *child, uint8_t *bytes, size_t size, int64_t deadline_us, GError **error)
{
    while (size > 0) {
        ssize_t got = recv(child->socket, bytes, size, 0);
        if (got < 0 && errno == EAGAIN) {
            if (!wait_for(child, POLLIN, deadline_us, error))
                return false;
            continue;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(error, CRESSET_ERROR_ABORTED, "symbolizer: died");
        bytes += got;
        size -= (size_t)got;
    }
    return true;
}

static bool
exchange(SymbolizeChild *child, const MessageRequest *request, MessageReply *ret_reply,
         GError **error)
{
    int64_t deadline_us = g_get_monotonic_time() + child->deadline_ms * 1000;
    const char *path = request->path != NULL ? request->path : "";
    MessageRequestHead head = {.magic = MESSAGE_MAGIC,
                               .kind = request->kind,
                               .file_id = request->file_id,
                               .pid = request->pid,
                               .namespace_pid = request->namespace_pid,
                               .n_addresses = request->n_addresses,
                               .path_size = (uint32_t)MIN(strlen(path), MESSAGE_PATH_MAX)};
    MessageReplyHead reply_head;
    if (!send_all(child, &head, sizeof(head), request->fd, deadline_us, error) ||
        !send_all(child, path, head.path_size, -1, deadline_us, error) ||
        !send_all(child, request->addresses, request->n_addresses * sizeof(uint64_t), -1,
                  deadline_us, error) ||
        !receive_all(child, (uint8_t *)&reply_head, sizeof(reply_head), deadline_us, error))
        return false;
    size_t size = message_reply_size(&reply_head);
    if (size == 0)
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "symbolizer: malformed reply");
    g_byte_array_set_size(child->reply, (guint)size);
    memcpy(child->reply->data, &reply_head, sizeof(reply_head));
    return receive_all(child, child->reply->data + sizeof(reply_head), size - sizeof(reply_head),
                       deadline_us, error) &&
           message_reply_parse(child->reply->data, size, request->n_addresses, ret_reply, error);
}

bool
symbolize_child_call(SymbolizeChild *child, const MessageRequest *request, MessageReply *ret_reply,
                     GError **error)
{
    if (child->socket < 0 && !child_start(child, error))
        return false;
    g_autoptr(GError) failure = NULL;
    if (exchange(child, request, ret_reply, &failure))
        return true;
    g_autoptr(GString) how = g_string_new(NULL);
    child_stop(child, how);
    if (failure->code == CRESSET_ERROR_ABORTED)
        return error_set(error, CRESSET_ERROR_ABORTED, "symbolizer: ended %s", how->str);
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}
