/* The symbolizer process: the program itself started anew in this mode, with the socket to it as
 * descriptor WORKER_FD.
 *
 * It reads ELF, DWARF, kallsyms and perf maps, all of which may be hostile or simply too large: it
 * has a memory limit, keeps only the capabilities for reading, and dies with its parent.
 * Whatever happens to it, another is started. */
#pragma once
#include <stdint.h>

#define WORKER_FD       3
#define WORKER_ARGUMENT "symbolize-worker"

/* Memory that may be allocated before the process is killed by its own limit, and what it keeps
 * between two requests. */
#define WORKER_DATA_MAX  (512u * 1024 * 1024)
#define WORKER_CACHE_MAX (12u * 1024 * 1024)

/* Serves requests on `fd` until it is closed; returns the exit status. */
int worker_main(int fd);
