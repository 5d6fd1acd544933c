/* What a program and its symbolizer process say to each other over a stream socket.
 *
 * A request is a head, the path and the addresses; the executable travels along as a descriptor. A
 * reply is a head, the number of lines of every address, the lines and one block of strings. Both
 * run on the same machine from the same program, so integers are native. Nothing in a
 * reply is trusted: the process on the other side reads files of strangers. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define MESSAGE_MAGIC         0x53594d31u
#define MESSAGE_ADDRESSES_MAX 4096
#define MESSAGE_PATH_MAX      4096
#define MESSAGE_REPLY_MAX     (8u * 1024 * 1024)

typedef enum {
    MESSAGE_FILE = 1, /* addresses of an ELF file; the descriptor comes with the request */
    MESSAGE_VDSO,     /* addresses of the vDSO */
    MESSAGE_KERNEL,   /* kernel addresses */
    MESSAGE_PERF_MAP, /* addresses of a process in no file, ascending */
} MessageKind;

typedef struct {
    uint32_t magic, kind;
    uint64_t file_id; /* equal ids mean the same file, also later */
    uint32_t pid, namespace_pid;
    uint32_t n_addresses, path_size;
} MessageRequestHead;

typedef struct {
    uint32_t magic, n_addresses, n_lines, strings_size;
} MessageReplyHead;

/* Names are offsets in the block of strings, which ends in NUL and begins with "". */
typedef struct {
    uint32_t name, system_name, file;
    uint32_t line, start_line;
} MessageLine;

/* A request to be sent; everything is borrowed. */
typedef struct {
    MessageKind kind;
    uint64_t file_id;
    uint32_t pid, namespace_pid;
    int fd; /* MESSAGE_FILE only, else -1 */
    const char *path;
    const uint64_t *addresses;
    uint32_t n_addresses;
} MessageRequest;

/* A checked reply: every offset lies in `strings`, the counts add up. Points into the bytes. */
typedef struct {
    const uint32_t *line_counts; /* per address */
    const MessageLine *lines;
    const char *strings;
    uint32_t n_addresses, n_lines, strings_size;
} MessageReply;

/* Size of the whole reply that begins with `head`, 0 when the head is wrong or over the cap. */
size_t message_reply_size(const MessageReplyHead *head);
/* Checks a whole reply to a request of `n_addresses`. `bytes` must be aligned to 8. */
bool message_reply_parse(const uint8_t *bytes, size_t size, uint32_t n_addresses,
                         MessageReply *ret_reply, GError **error);
