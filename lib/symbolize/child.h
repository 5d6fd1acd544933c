/* Our side of the symbolizer process: starts it when it is needed, sends a request, waits
 * for the reply within a deadline. A process that dies, hangs or talks nonsense is killed, and the
 * next request starts another. Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/symbolize/message.h"

typedef struct {
    char *program;       /* started as `program symbolize-worker`; NULL: /proc/self/exe */
    int64_t deadline_ms; /* of one request; 0: 10 s */
} SymbolizeChildConfig;

typedef struct {
    char *program;
    int64_t deadline_ms;
    int socket; /* -1: not running */
    pid_t pid;
    uint64_t n_starts;
    GByteArray *reply;
} SymbolizeChild;

void symbolize_child_init(SymbolizeChild *child, const SymbolizeChildConfig *config);
/* Kills and reaps the process. */
void symbolize_child_clear(SymbolizeChild *child);

/* Sends one request and fills *ret_reply, which is valid until the next call. On any failure the
 * process is gone afterwards. UNAVAILABLE: it could not be started; DEADLINE_EXCEEDED: it did not
 * answer in time; ABORTED: it died, the text says how; DATA_LOSS: its reply is malformed. */
bool symbolize_child_call(SymbolizeChild *child, const MessageRequest *request,
                          MessageReply *ret_reply, GError **error);
