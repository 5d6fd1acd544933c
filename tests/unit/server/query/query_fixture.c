#include "tests/unit/server/query/query_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "include/cresset/limits.h"
#include "lib/pprof/encode.h"

void
fixture_open(Fixture *fixture, int64_t seal_bytes)
{
    g_autoptr(GError) error = NULL;
    StoreConfig config = {
        .data_dir = fixture->folder, .seal_bytes = seal_bytes, .seal_age_ns = 3600 * SECOND_NS};
    fixture->store = store_open(&config, &error);
    if (fixture->store == NULL)
        fail_msg("%s", error->message);
    TenantLimits limits;
    tenant_limits_init(&limits);
    limits.reject_older_ns = limits.reject_newer_ns = 0;
    fixture->overrides = tenant_overrides_new(NULL, &limits, NULL, NULL, NULL);
    fixture->ingest = ingest_new(fixture->store, fixture->overrides);
}

int
fixture_set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->folder = g_dir_make_tmp("cresset-query-XXXXXX", NULL);
    fixture_open(fixture, FIXTURE_SEAL_BYTES);
    *state = fixture;
    return 0;
}

static void
remove_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (g_file_test(file, G_FILE_TEST_IS_DIR))
            remove_folder(file);
        else
            g_unlink(file);
    }
    g_rmdir(path);
}

void
fixture_close(Fixture *fixture)
{
    store_close(fixture->store);
    ingest_free(fixture->ingest);
    tenant_overrides_free(fixture->overrides);
}

int
fixture_tear_down(void **state)
{
    Fixture *fixture = *state;
    fixture_close(fixture);
    remove_folder(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture);
    return 0;
}

/* ---- Pushing. ---- */

typedef struct {
    GMutex lock;
    GCond cond;
    bool is_done;
    GError *error;
} Outcome;

static void
on_done(void *data, const GError *error)
{
    Outcome *outcome = data;
    g_mutex_lock(&outcome->lock);
    outcome->is_done = true;
    if (error != NULL)
        outcome->error = g_error_copy(error);
    g_cond_signal(&outcome->cond);
    g_mutex_unlock(&outcome->lock);
}

void
fixture_push_bytes(const Fixture *fixture, const Label *labels, size_t n, const uint8_t *data,
                   size_t size)
{
    Outcome outcome = {.is_done = false};
    IngestProfile profile = {
        .labels = labels, .n_labels = n, .profile = data, .profile_size = size};
    ingest_push(fixture->ingest, "t", &profile, 1, on_done, &outcome);
    g_mutex_lock(&outcome.lock);
    while (!outcome.is_done)
        g_cond_wait(&outcome.cond, &outcome.lock);
    g_mutex_unlock(&outcome.lock);
    if (outcome.error != NULL)
        fail_msg("%s", outcome.error->message);
}

/* Adds "root;frame;leaf" = value. A frame "a+b" is one location: b, with a inlined into it. A stack
 * "7@a;b" was taken in the span 7 of the trace 70. */
static void
add_stack(PprofBuilder *builder, const char *stack, int64_t value)
{
    const char *at = strchr(stack, '@');
    g_auto(GStrv) frames = g_strsplit(at != NULL ? at + 1 : stack, ";", -1);
    uint32_t ids[32], n = g_strv_length(frames);
    for (uint32_t i = 0; i < n; i++) {
        g_auto(GStrv) names = g_strsplit(frames[i], "+", -1);
        PprofLine lines[4];
        size_t n_lines = 0;
        for (; names[n_lines] != NULL; n_lines++) {
            PprofFunction function = {.name = pprof_builder_text(builder, names[n_lines]),
                                      .filename = pprof_builder_text(builder, "main.c"),
                                      .start_line = 1};
            lines[n_lines] = (PprofLine){pprof_builder_function(builder, &function),
                                         (int64_t)strlen(names[n_lines])};
        }
        PprofLocation location = {.lines = lines, .n_lines = n_lines};
        ids[n - 1 - i] = pprof_builder_location(builder, &location);
    }
    PprofSample sample = {.locations = ids, .n_locations = n, .values = &value};
    PprofLabel labels[2];
    if (at != NULL) {
        gint64 span = g_ascii_strtoll(stack, NULL, 10);
        g_autofree char *span_id = g_strdup_printf("%016" G_GINT64_MODIFIER "x", span);
        g_autofree char *trace_id = g_strdup_printf("%032" G_GINT64_MODIFIER "x", 10 * span);
        labels[0] = (PprofLabel){.key = pprof_builder_text(builder, "span_id"),
                                 .str = pprof_builder_text(builder, span_id)};
        labels[1] = (PprofLabel){.key = pprof_builder_text(builder, "trace_id"),
                                 .str = pprof_builder_text(builder, trace_id)};
        sample.labels = labels;
        sample.n_labels = 2;
    }
    pprof_builder_sample(builder, &sample);
}

/* Pushes one CPU profile of stacks "a;b=3 c=4" of `service` at BASE_NS + seconds. */
void
fixture_push(const Fixture *fixture, const char *service, const char *pod, int64_t seconds,
             const char *stacks)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 100);
    pprof_builder_time(builder, BASE_NS + seconds * SECOND_NS, SECOND_NS);
    g_auto(GStrv) parts = g_strsplit(stacks, " ", -1);
    for (size_t i = 0; parts[i] != NULL; i++) {
        char *equals = strrchr(parts[i], '=');
        *equals = '\0';
        add_stack(builder, parts[i], g_ascii_strtoll(equals + 1, NULL, 10));
    }
    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
    const Label labels[] = {
        {"__name__", "process_cpu"}, {"service_name", service}, {"pod", pod}, {"zone", "z"}};
    fixture_push_bytes(fixture, labels, G_N_ELEMENTS(labels), bytes->data, bytes->len);
}

void
fixture_push_rows(const Fixture *fixture, int64_t seconds, unsigned n)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_period(builder, "cpu", "nanoseconds", 100);
    pprof_builder_time(builder, BASE_NS + seconds * SECOND_NS, SECOND_NS);
    PprofFunction function = {.name = pprof_builder_text(builder, "a")};
    PprofLine line = {pprof_builder_function(builder, &function), 1};
    PprofLocation location = {.lines = &line, .n_lines = 1};
    uint32_t id = pprof_builder_location(builder, &location);
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *thread = g_strdup_printf("t%u", i);
        int64_t value = i + 1;
        PprofLabel label = {.key = pprof_builder_text(builder, "thread"),
                            .str = pprof_builder_text(builder, thread)};
        PprofSample sample = {
            .locations = &id, .n_locations = 1, .values = &value, .labels = &label, .n_labels = 1};
        pprof_builder_sample(builder, &sample);
    }
    g_autoptr(GByteArray) bytes = pprof_builder_finish(builder);
    const Label labels[] = {{"__name__", "process_cpu"}, {"service_name", "many"}};
    fixture_push_bytes(fixture, labels, G_N_ELEMENTS(labels), bytes->data, bytes->len);
}

void
fixture_push_example(const Fixture *fixture)
{
    fixture_push(fixture, "shop", "p1", 10, "main;work;sort=30 main;idle=5");
    fixture_push(fixture, "shop", "p2", 10, "main;work=7");
    fixture_push(fixture, "pay", "p3", 12, "main;charge+work;sort=100");
    fixture_push(fixture, "shop", "p1", 20, "main;work;sort=2 init=1");
}

Query
fixture_query(const Fixture *fixture)
{
    return (Query){.store = fixture->store,
                   .tenant = "t",
                   .start_ns = BASE_NS,
                   .end_ns = BASE_NS + 100 * SECOND_NS,
                   .profile_type = CPU};
}
