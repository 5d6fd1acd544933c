/* Processes, executables and samples made up for tests of what comes behind the sampler. */
#pragma once
#include "agent/sample/sample.h"

/* Counts of references that are still held; 0 at the end of a test. */
extern int fake_process_refs, fake_executable_refs;

/* A process with mapping-free identity; to be released by process_unref. */
Process *fake_process_new(uint32_t pid, const char *comm, const char *executable_path,
                          const char *container_id);
/* A file known to nobody; to be released by executable_unref. */
Executable *fake_executable_new(uint64_t id, const char *path);
