#include "lib/symbolize/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/symbol/debug_file.h"
#include "lib/symbol/kernel_symbols.h"
#include "lib/symbol/perf_map.h"
#include "lib/symbol/symbol_file.h"
#include "lib/symbolize/message.h"
#include "lib/symbolize/reply.h"

enum {
    FILES_MAX = 64,          /* open at a time */
    TRIM_AFTER_MS = 1000,    /* idle: give back pages of mapped files */
    FORGET_AFTER_MS = 60000, /* idle: give back everything */
};

typedef struct {
    uint64_t id;
    int fd;
    SymbolFile *file; /* NULL: not an ELF file */
    size_t bytes;     /* memory that reading it has taken so far */
} OpenFile;

typedef struct {
    int socket;
    GQueue files; /* OpenFile, the least recently used first */
    KernelSymbols *kernel;
    bool has_kernel;
    ReplyBuilder *builder;
} Worker;

typedef struct {
    MessageRequestHead head;
    int fd;
    char *path;
    uint64_t *addresses;
} Request;

static void
request_clear(Request *request)
{
    if (request->fd >= 0)
        close(request->fd);
    g_free(request->path);
    g_free(request->addresses);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Request, request_clear)

static bool
read_all(int fd, void *buffer, size_t size)
{
    for (uint8_t *at = buffer; size > 0;) {
        ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool
write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = send(fd, bytes, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        size -= (size_t)put;
    }
    return true;
}

/* The head comes with the descriptor. */
static bool
read_head(int socket, Request *request)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&request->head, sizeof(request->head)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&request->fd, CMSG_DATA(header), sizeof(int));
    return got == (ssize_t)sizeof(request->head) && request->head.magic == MESSAGE_MAGIC &&
           request->head.n_addresses <= MESSAGE_ADDRESSES_MAX &&
           request->head.path_size <= MESSAGE_PATH_MAX;
}

static bool
read_request(int socket, Request *request)
{
    if (!read_head(socket, request))
        return false;
    size_t n = request->head.n_addresses;
    request->path = g_malloc0(request->head.path_size + 1);
    request->addresses = g_new(uint64_t, n + 1);
    return read_all(socket, request->path, request->head.path_size) &&
           read_all(socket, request->addresses, n * sizeof(uint64_t));
}

static void
open_file_free(OpenFile *open)
{
    symbol_file_free(open->file);
    if (open->fd >= 0)
        close(open->fd);
    g_free(open);
}

static size_t
heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static GList *
largest_file(Worker *worker)
{
    GList *largest = worker->files.head;
    for (GList *link = largest; link != NULL; link = link->next)
        if (((OpenFile *)link->data)->bytes > ((OpenFile *)largest->data)->bytes)
            largest = link;
    return largest;
}

/* Over the number of files the least recently used goes, over the memory the largest: one file with
 * much debug information must not push out the small tables of all others. */
static void
drop_files(Worker *worker, size_t bytes_kept, guint files_kept)
{
    while (worker->files.length > files_kept)
        open_file_free(g_queue_pop_head(&worker->files));
    while (worker->files.length > 0 && heap_bytes() > bytes_kept) {
        GList *largest = largest_file(worker);
        open_file_free(largest->data);
        g_queue_delete_link(&worker->files, largest);
    }
}

/* The vDSO of this process is the one of all 64-bit processes. */
static SymbolFile *
open_vdso(void)
{
    g_autofree char *maps = NULL;
    if (!g_file_get_contents("/proc/self/maps", &maps, NULL, NULL))
        return NULL;
    const char *name = strstr(maps, "[vdso]\n");
    if (name == NULL)
        return NULL;
    while (name > maps && name[-1] != '\n')
        name--;
    unsigned long start, end;
    if (sscanf(name, "%lx-%lx", &start, &end) != 2)
        return NULL;
    SymbolFileOptions options = {.fd = -1,
                                 .image = (const void *)start,
                                 .image_size = end - start,
                                 .path = "[vdso]",
                                 .root_fd = -1};
    return symbol_file_new(&options, NULL);
}

static SymbolFile *
open_executable(const Request *request)
{
    if (request->head.kind == MESSAGE_VDSO)
        return open_vdso();
    g_autofree char *root = g_strdup_printf("/proc/%u/root", request->head.pid);
    SymbolFileOptions options = {.fd = request->fd,
                                 .path = request->path,
                                 .root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    return symbol_file_new(&options, NULL);
}

static OpenFile *
find_file(Worker *worker, Request *request)
{
    for (GList *link = worker->files.head; link != NULL; link = link->next) {
        OpenFile *open = link->data;
        if (open->id != request->head.file_id)
            continue;
        g_queue_unlink(&worker->files, link);
        g_queue_push_tail_link(&worker->files, link);
        return open;
    }
    drop_files(worker, WORKER_CACHE_MAX, FILES_MAX - 1);
    OpenFile *open = g_new0(OpenFile, 1);
    open->id = request->head.file_id;
    open->file = open_executable(request);
    open->fd = request->fd;
    request->fd = -1;
    g_queue_push_tail(&worker->files, open);
    return open;
}

static void
resolve_file(Worker *worker, Request *request)
{
    size_t before = heap_bytes();
    OpenFile *open = find_file(worker, request);
    SymbolLine lines[SYMBOL_LINES_MAX];
    for (uint32_t i = 0; open->file != NULL && i < request->head.n_addresses; i++)
        reply_builder_add(worker->builder, lines,
                          symbol_file_find(open->file, request->addresses[i], lines));
    size_t after = heap_bytes();
    open->bytes += after > before ? after - before : 0;
}

static void
resolve_kernel(Worker *worker, const Request *request)
{
    if (!worker->has_kernel ||
        (worker->kernel != NULL && kernel_symbols_is_stale(worker->kernel))) {
        kernel_symbols_free(worker->kernel);
        worker->kernel = kernel_symbols_new(NULL);
        worker->has_kernel = true;
        malloc_trim(0);
    }
    for (uint32_t i = 0; worker->kernel != NULL && i < request->head.n_addresses; i++) {
        const char *name, *module;
        if (!kernel_symbols_find(worker->kernel, request->addresses[i], &name, &module)) {
            reply_builder_add(worker->builder, NULL, 0);
            continue;
        }
        g_autofree char *file = g_strdup_printf("[%s]", module[0] != '\0' ? module : "kernel");
        SymbolLine line = {.name = name, .file = file};
        reply_builder_add(worker->builder, &line, 1);
    }
}

/* Opens /tmp/perf-PID.map as the process sees it. Anybody may put files there: it counts only when
 * it belongs to the user of the process, or to root. */
static int
open_perf_map(const Request *request)
{
    g_autofree char *process = g_strdup_printf("/proc/%u", request->head.pid);
    g_autofree char *root = g_build_filename(process, "root", NULL);
    g_autofree char *path = g_strdup_printf("/tmp/perf-%u.map", request->head.namespace_pid);
    struct stat owner, status;
    int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0 || stat(process, &owner) < 0) {
        if (root_fd >= 0)
            close(root_fd);
        return -1;
    }
    int fd = debug_file_open_path(root_fd, path);
    close(root_fd);
    if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_uid == owner.st_uid || status.st_uid == 0))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void
resolve_perf_map(Worker *worker, const Request *request)
{
    int fd = open_perf_map(request);
    if (fd < 0)
        return;
    uint32_t n = request->head.n_addresses;
    g_autofree char **names = g_new0(char *, n + 1);
    perf_map_find(fd, request->addresses, n, names, NULL);
    close(fd);
    for (uint32_t i = 0; i < n; i++) {
        SymbolLine line = {.name = names[i], .file = ""};
        reply_builder_add(worker->builder, &line, names[i] != NULL ? 1 : 0);
        g_free(names[i]);
    }
}

static bool
serve_one(Worker *worker)
{
    g_auto(Request) request = {.fd = -1};
    if (!read_request(worker->socket, &request))
        return false;
    reply_builder_begin(worker->builder, request.head.n_addresses);
    if (request.head.kind == MESSAGE_KERNEL)
        resolve_kernel(worker, &request);
    else if (request.head.kind == MESSAGE_PERF_MAP)
        resolve_perf_map(worker, &request);
    else
        resolve_file(worker, &request);
    const GByteArray *reply = reply_builder_finish(worker->builder);
    return write_all(worker->socket, reply->data, reply->len);
}

static void
trim(Worker *worker, bool forget)
{
    for (GList *link = worker->files.head; link != NULL; link = link->next) {
        OpenFile *open = link->data;
        if (open->file != NULL)
            symbol_file_trim(open->file);
    }
    drop_files(worker, forget ? 0 : WORKER_CACHE_MAX, forget ? 0 : FILES_MAX);
    malloc_trim(0);
}

static void
drop_rights(void)
{
    static const int kept[] = {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYSLOG};
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{0}};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_capget, &header, sets) != 0)
        return;
    uint32_t mask[2] = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        mask[kept[i] / 32] |= 1u << kept[i] % 32;
    for (size_t i = 0; i < 2; i++) {
        sets[i].permitted &= mask[i];
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    (void)syscall(SYS_capset, &header, sets);
}

/* These sanitizers reserve far more memory than they use. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HAS_SHADOW_MEMORY = true };
#else
enum { HAS_SHADOW_MEMORY = false };
#endif

static void
set_limits(void)
{
    struct rlimit none = {0, 0}, data = {WORKER_DATA_MAX, WORKER_DATA_MAX};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "cresset-symbols");
    (void)setrlimit(RLIMIT_CORE, &none);
    if (!HAS_SHADOW_MEMORY)
        (void)setrlimit(RLIMIT_DATA, &data);
    (void)setpriority(PRIO_PROCESS, 0, 5);
    /* One arena, and large blocks go back to the system at once. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}

int
worker_main(int fd)
{
    (void)signal(SIGINT,
                 SIG_IGN); /* Ctrl-C goes to the whole group; the parent still has to flush */
    set_limits();
    drop_rights();
    Worker worker = {.socket = fd, .builder = reply_builder_new()};
    g_queue_init(&worker.files);
    int timeout_ms = -1;
    for (;;) {
        struct pollfd event = {.fd = fd, .events = POLLIN};
        int ready = poll(&event, 1, timeout_ms);
        if (ready < 0 && errno != EINTR)
            break;
        if (ready == 0) {
            trim(&worker, timeout_ms == FORGET_AFTER_MS);
            timeout_ms = timeout_ms == TRIM_AFTER_MS ? FORGET_AFTER_MS : -1;
            continue;
        }
        if (ready > 0 && !serve_one(&worker))
            break;
        timeout_ms = TRIM_AFTER_MS;
    }
    drop_files(&worker, 0, 0);
    kernel_symbols_free(worker.kernel);
    reply_builder_free(worker.builder);
    return 0;
}
