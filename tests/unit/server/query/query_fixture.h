/* A store with its ingest pipeline in a folder of its own, and the profiles that the query tests
 * push into it. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "server/ingest/ingest.h"
#include "server/query/query.h"

enum { FIXTURE_SEAL_BYTES = 64 * 1024 * 1024 };

#define SECOND_NS INT64_C(1000000000)
#define BASE_NS   (INT64_C(1800000000) * SECOND_NS)
#define CPU       "process_cpu:cpu:nanoseconds:cpu:nanoseconds"

typedef struct {
    char *folder;
    Store *store;
    TenantOverrides *overrides;
    Ingest *ingest;
} Fixture;

/* For cmocka_unit_test_setup_teardown. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Opens what fixture_close has closed; the log is sealed at `seal_bytes`. */
void fixture_open(Fixture *fixture, int64_t seal_bytes);
void fixture_close(Fixture *fixture);

/* Pushes one pprof of tenant "t" and waits until it is durable. */
void fixture_push_bytes(const Fixture *fixture, const Label *labels, size_t n, const uint8_t *data,
                        size_t size);
/* Pushes one CPU profile of `service` at BASE_NS + seconds. `stacks` is "root;leaf=3 other=4"; a
 * frame "a+b" is one location: b, with a inlined into it; "7@root;leaf=3" belongs to the span 7 of
 * the trace 70. */
void fixture_push(const Fixture *fixture, const char *service, const char *pod, int64_t seconds,
                  const char *stacks);
/* Pushes one profile at BASE_NS + seconds that becomes `n` rows (up to FIXTURE_ROWS_MAX) of as many
 * series, which differ in the label "thread". */
enum { FIXTURE_ROWS_MAX = 16000 };
void fixture_push_rows(const Fixture *fixture, int64_t seconds, unsigned n);
/* Four profiles: 42 at 10 s, 100 at 12 s, 3 at 20 s. */
void fixture_push_example(const Fixture *fixture);

/* The first 100 seconds of CPU profiles. */
Query fixture_query(const Fixture *fixture);
