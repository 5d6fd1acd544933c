#include "server/ingest/ingest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/wire.h"
#include "server/ingest/push_message.h"

typedef struct {
    char *folder;
    Store *store;
    TenantOverrides *overrides;
    Ingest *ingest;
} Fixture;

static const char OVERRIDES[] =
    "overrides:\n"
    "  dropping:\n"
    "    ingestion_relabeling_rules:\n"
    "      - {action: drop, source_labels: [service_name], regex: shop}\n"
    "  limited: {max_global_series_per_tenant: 2}\n";

static void
open_all(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    StoreConfig config = {.data_dir = fixture->folder,
                          .seal_bytes = 64 * 1024 * 1024,
                          .seal_age_ns = INT64_C(60) * 1000000000};
    fixture->store = store_open(&config, &error);
    if (fixture->store == NULL)
        fail_msg("%s", error->message);
    TenantLimits limits;
    tenant_limits_init(&limits);
    g_autofree char *path = g_build_filename(fixture->folder, "overrides.yaml", NULL);
    assert_true(g_file_set_contents(path, OVERRIDES, -1, NULL));
    fixture->overrides = tenant_overrides_new(path, &limits, NULL, NULL, &error);
    if (fixture->overrides == NULL)
        fail_msg("%s", error->message);
    fixture->ingest = ingest_new(fixture->store, fixture->overrides);
}

static void
close_all(Fixture *fixture)
{
    store_close(fixture->store);
    ingest_free(fixture->ingest);
    tenant_overrides_free(fixture->overrides);
}

static int
set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->folder = g_dir_make_tmp("cresset-ingest-XXXXXX", NULL);
    open_all(fixture);
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

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    close_all(fixture);
    remove_folder(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture);
    return 0;
}

/* Waits for the outcome of one push. */
typedef struct {
    GMutex lock;
    GCond cond;
    unsigned n_calls;
    GError *error;
} Outcome;

static void
on_done(void *data, const GError *error)
{
    Outcome *outcome = data;
    g_mutex_lock(&outcome->lock);
    outcome->n_calls++;
    if (error != NULL)
        outcome->error = g_error_copy(error);
    g_cond_signal(&outcome->cond);
    g_mutex_unlock(&outcome->lock);
}

static GError *
wait_for(Outcome *outcome)
{
    g_mutex_lock(&outcome->lock);
    while (outcome->n_calls == 0)
        g_cond_wait(&outcome->cond, &outcome->lock);
    assert_int_equal(outcome->n_calls, 1);
    g_mutex_unlock(&outcome->lock);
    return g_steal_pointer(&outcome->error);
}

static GByteArray *
make_profile_at(int64_t value, int64_t time_ns)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_time(builder, time_ns, 15);
    PprofFunction function = {.name = pprof_builder_text(builder, "main")};
    PprofLine line = {pprof_builder_function(builder, &function), 1};
    PprofLocation location = {.lines = &line, .n_lines = 1};
    uint32_t id = pprof_builder_location(builder, &location);
    PprofSample sample = {.locations = &id, .n_locations = 1, .values = &value};
    pprof_builder_sample(builder, &sample);
    return pprof_builder_finish(builder);
}

static GByteArray *
make_profile(int64_t value)
{
    return make_profile_at(value, g_get_real_time() * 1000);
}

static bool
add_totals(const StoreDataset *dataset, void *data, GError **error)
{
    (void)error;
    for (uint32_t i = 0; i < dataset->n_rows; i++)
        *(int64_t *)data += dataset->rows[i].total;
    return true;
}

/* The sum of everything that a tenant has stored. */
static int64_t
stored_total(const Fixture *fixture, const char *tenant)
{
    int64_t total = 0;
    assert_true(store_visit(fixture->store, tenant, NULL, INT64_MIN, INT64_MAX, STORE_WITH_ROWS,
                            add_totals, &total, NULL, NULL));
    return total;
}

static const Label LABELS[] = {{"__name__", "process_cpu"}, {"service_name", "shop"}};

static GError *
push_as(const Fixture *fixture, const char *tenant, const GByteArray *profile, const char *id)
{
    Outcome outcome = {.n_calls = 0};
    IngestProfile push = {.labels = LABELS,
                          .n_labels = 2,
                          .profile = profile->data,
                          .profile_size = profile->len,
                          .id = id};
    ingest_push(fixture->ingest, tenant, &push, 1, on_done, &outcome);
    return wait_for(&outcome);
}

static GError *
push_one(const Fixture *fixture, const GByteArray *profile, const char *id)
{
    return push_as(fixture, "tenant", profile, id);
}

static void
test_what_is_pushed_is_stored(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GByteArray) profile = make_profile(5);
    assert_null(push_one(fixture, profile, NULL));
    assert_int_equal(stored_total(fixture, "tenant"), 5);
    assert_int_equal(stored_total(fixture, "another"), 0);
    /* Without an id the same again is a second profile. */
    assert_null(push_one(fixture, profile, ""));
    assert_int_equal(stored_total(fixture, "tenant"), 10);
}

static void
test_good_series_of_a_batch_are_stored(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GByteArray) good = make_profile(7);
    IngestProfile batch[4];
    for (size_t i = 0; i < G_N_ELEMENTS(batch); i++)
        batch[i] = (IngestProfile){.labels = LABELS,
                                   .n_labels = 2,
                                   .profile = good->data,
                                   .profile_size = good->len,
                                   .id = i == 1 ? "the-bad-one" : NULL};
    batch[1].profile_size -= 1; /* cut */
    batch[3].n_labels = 0;
    Outcome outcome = {.n_calls = 0};
    ingest_push(fixture->ingest, "tenant", batch, G_N_ELEMENTS(batch), on_done, &outcome);
    g_autoptr(GError) error = wait_for(&outcome);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_non_null(
        strstr(error->message, "push series with index 1 and id the-bad-one failed: byte "));
    assert_non_null(strstr(error->message, "; push series with index 3 failed: "));
    assert_null(strstr(error->message, "index 0"));
    assert_int_equal(stored_total(fixture, "tenant"), 14);

    g_autoptr(GString) metrics = g_string_new(NULL);
    ingest_write_metrics(fixture->ingest, false, metrics);
    assert_non_null(strstr(metrics->str, "cresset_ingest_profiles_total 2\n"));
    assert_non_null(strstr(metrics->str,
                           "pyroscope_discarded_samples_total{reason=\"malformed_profile\"} 1\n"));
    assert_non_null(
        strstr(metrics->str, "pyroscope_discarded_samples_total{reason=\"missing_labels\"} 1\n"));
}

/* What a rule drops is a success, and counted. */
static void
test_dropped_series_are_counted(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GByteArray) profile = make_profile(5);
    assert_null(push_as(fixture, "dropping", profile, NULL));
    assert_null(push_as(fixture, "tenant", profile, NULL));
    assert_int_equal(stored_total(fixture, "dropping"), 0);
    assert_int_equal(stored_total(fixture, "tenant"), 5);
    g_autoptr(GString) metrics = g_string_new(NULL);
    ingest_write_metrics(fixture->ingest, false, metrics);
    g_autofree char *bytes = g_strdup_printf(
        "pyroscope_discarded_bytes_total{reason=\"dropped_by_relabel_rules\"} %u\n", profile->len);
    assert_non_null(
        strstr(metrics->str,
               "pyroscope_discarded_samples_total{reason=\"dropped_by_relabel_rules\"} 1\n"));
    assert_non_null(strstr(metrics->str, bytes));
    assert_null(strstr(metrics->str, "tenant="));

    g_autoptr(GString) with_tenants = g_string_new(NULL);
    ingest_write_metrics(fixture->ingest, true, with_tenants);
    assert_non_null(strstr(with_tenants->str,
                           "pyroscope_discarded_samples_total{reason=\"dropped_by_"
                           "relabel_rules\",tenant=\"dropping\"} 1\n"));
}

/* A profile whose samples have one label each, with these values. */
static GByteArray *
make_labelled(const char *const *values)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    for (size_t i = 0; values[i] != NULL; i++) {
        PprofFunction function = {.name = pprof_builder_text(builder, "main")};
        PprofLine line = {pprof_builder_function(builder, &function), 1};
        PprofLocation location = {.lines = &line, .n_lines = 1};
        uint32_t id = pprof_builder_location(builder, &location);
        PprofLabel label = {.key = pprof_builder_text(builder, "route"),
                            .str = pprof_builder_text(builder, values[i])};
        PprofSample sample = {.locations = &id,
                              .n_locations = 1,
                              .values = (int64_t[]){1},
                              .labels = &label,
                              .n_labels = 1};
        pprof_builder_sample(builder, &sample);
    }
    return pprof_builder_finish(builder);
}

/* What is known goes on, also of a profile that brings something new. */
static void
test_series_beyond_the_limit_are_refused(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GByteArray) known = make_labelled((const char *const[]){"/", "/a", NULL}),
                          more = make_labelled((const char *const[]){"/b", "/", "/c", NULL}),
                          new = make_labelled((const char *const[]){"/d", NULL});
    assert_null(push_as(fixture, "limited", known, NULL));
    assert_null(push_as(fixture, "tenant", more, NULL));
    g_autoptr(GError) part = push_as(fixture, "limited", more, "id-1");
    assert_true(g_error_matches(part, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_non_null(strstr(part->message, "push series with index 0 and id id-1 failed: Maximum "
                                          "active series limit exceeded (2/2): the series "));
    assert_non_null(strstr(part->message, "route=\"/b\""));
    g_autoptr(GError) whole = push_as(fixture, "limited", new, NULL);
    assert_true(g_error_matches(whole, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_null(push_as(fixture, "limited", more, "id-1")); /* its part is not stored again */
    assert_int_equal(stored_total(fixture, "limited"), 3);
    assert_int_equal(stored_total(fixture, "tenant"), 3);

    g_autoptr(GString) metrics = g_string_new(NULL);
    ingest_write_metrics(fixture->ingest, true, metrics);
    g_autofree char *bytes =
        g_strdup_printf("{reason=\"series_limit\",tenant=\"limited\"} %u\n", new->len);
    assert_non_null(strstr(metrics->str,
                           "pyroscope_discarded_samples_total{reason=\"series_limit\","
                           "tenant=\"limited\"} 3\n"));
    assert_non_null(strstr(metrics->str, bytes));
    assert_non_null(strstr(metrics->str, "cresset_ingest_duplicate_profiles_total 1\n"));
    assert_non_null(strstr(metrics->str, "cresset_ingest_active_series{tenant=\"limited\"} 2\n"));
}

static void
test_retries_are_not_stored_again(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GByteArray) profile = make_profile(3), other = make_profile(4);
    assert_null(push_one(fixture, profile, "id-1"));
    assert_null(push_one(fixture, profile, "id-1"));
    assert_int_equal(stored_total(fixture, "tenant"), 3);
    assert_null(push_one(fixture, profile, "id-2"));
    assert_null(push_one(fixture, other, "id-1")); /* the same id for something else */
    assert_int_equal(stored_total(fixture, "tenant"), 10);

    /* Also after a restart. */
    close_all(fixture);
    open_all(fixture);
    assert_null(push_one(fixture, profile, "id-1"));
    assert_null(push_one(fixture, other, "id-1"));
    assert_int_equal(stored_total(fixture, "tenant"), 10);
    g_autoptr(GString) metrics = g_string_new(NULL);
    ingest_write_metrics(fixture->ingest, false, metrics);
    assert_non_null(strstr(metrics->str, "cresset_ingest_duplicate_profiles_total 2\n"));
}

/* What an agent kept on its disk for most of an hour may have been stored when the server died. */
static void
test_retries_of_old_profiles_are_known_after_a_restart(void **state)
{
    Fixture *fixture = *state;
    int64_t age_us = 55 * G_TIME_SPAN_MINUTE;
    g_autoptr(GByteArray) profile = make_profile_at(3, (g_get_real_time() - age_us) * 1000);
    assert_null(push_one(fixture, profile, "id-1"));
    close_all(fixture);
    open_all(fixture);
    assert_null(push_one(fixture, profile, "id-1"));
    assert_int_equal(stored_total(fixture, "tenant"), 3);
}

typedef struct {
    const Fixture *fixture;
    GByteArray **profiles;
    int n_profiles;
} Pusher;

static void *
push_all(void *data)
{
    const Pusher *pusher = data;
    for (int i = 0; i < pusher->n_profiles; i++) {
        g_autofree char *id = g_strdup_printf("id-%d", i);
        g_autoptr(GError) error = push_one(pusher->fixture, pusher->profiles[i], id);
        if (error != NULL)
            g_error("%s", error->message);
    }
    return NULL;
}

/* Several clients send the same profiles at the same time: each is stored once. */
static void
test_the_same_at_the_same_time(void **state)
{
    enum { N_THREADS = 4, N_PROFILES = 50 };
    const Fixture *fixture = *state;
    GByteArray *profiles[N_PROFILES];
    int64_t sum = 0;
    for (int i = 0; i < N_PROFILES; i++, sum += i)
        profiles[i] = make_profile(i + 1);
    Pusher pusher = {fixture, profiles, N_PROFILES};
    GThread *threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        threads[i] = g_thread_new("pusher", push_all, &pusher);
    for (int i = 0; i < N_THREADS; i++)
        g_thread_join(threads[i]);
    assert_int_equal(stored_total(fixture, "tenant"), sum);
    for (int i = 0; i < N_PROFILES; i++)
        g_byte_array_unref(profiles[i]);
}

/* A refused profile is not remembered as seen. */
static void
test_a_refused_profile_stays_refused(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GByteArray) profile = make_profile(3);
    profile->len -= 1;
    for (int round = 0; round < 2; round++) {
        g_autoptr(GError) error = push_one(fixture, profile, "id-1");
        assert_non_null(error);
    }
    assert_int_equal(stored_total(fixture, "tenant"), 0);
}

static void
put_message(WireBuffer *out, uint32_t field, WireBuffer *body)
{
    wire_put_bytes(out, field, body->data, body->size);
    g_free(body->data);
    *body = (WireBuffer){0};
}

static WireBuffer
make_request(const GByteArray *profile)
{
    WireBuffer label = {0}, sample = {0}, series = {0}, out = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(LABELS); i++) {
        wire_put_bytes(&label, 1, LABELS[i].name, strlen(LABELS[i].name));
        wire_put_bytes(&label, 2, LABELS[i].value, strlen(LABELS[i].value));
        put_message(&series, 1, &label);
    }
    wire_put_bytes(&sample, 1, profile->data, profile->len);
    wire_put_bytes(&sample, 2, "an id", 5);
    put_message(&series, 2, &sample);
    put_message(&out, 1, &series);
    return out;
}

static GError *
push_request(const Fixture *fixture, const void *message, size_t size)
{
    Outcome outcome = {.n_calls = 0};
    g_autofree uint8_t *copy = g_memdup2(message, size); /* so that overruns are seen */
    ingest_push_request(fixture->ingest, "tenant", copy, size, on_done, &outcome);
    return wait_for(&outcome);
}

static void
test_push_requests(void **state)
{
    const Fixture *fixture = *state;
    g_autoptr(GByteArray) profile = make_profile(9);
    WireBuffer message = make_request(profile);
    assert_null(push_request(fixture, message.data, message.size));
    assert_int_equal(stored_total(fixture, "tenant"), 9);
    for (size_t size = 1; size < message.size; size++) {
        g_autoptr(GError) error = push_request(fixture, message.data, size);
        assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
        assert_true(g_str_has_prefix(error->message, "push request: byte 0 of "));
    }
    g_free(message.data);
    g_autoptr(GError) empty = push_request(fixture, "", 0);
    assert_string_equal(empty->message, "no profiles received");
    g_autoptr(GError) no_samples = push_request(fixture, "\x0a\x02\x0a\x00", 4);
    assert_string_equal(no_samples->message, "no profiles received");
    static const char NUL_NAME[] = "\x0a\x07\x0a\x05\x0a\x03"
                                   "a\0b";
    g_autoptr(GError) nul = push_request(fixture, NUL_NAME, sizeof NUL_NAME - 1);
    assert_string_equal(nul->message, "push request: series 0: a label name is not a string");
    assert_int_equal(stored_total(fixture, "tenant"), 9);
}

/* Labels of nothing, of which a request of a few bytes on the wire can have millions. */
static void
test_the_labels_of_a_request_are_bounded(void **state)
{
    enum { N_LABELS = 20 * 1000 * 1000 };
    const Fixture *fixture = *state;
    assert_in_range(push_message_memory_max(SIZE_MAX), 0, 130 * 1024 * 1024);
    WireBuffer series = {0}, message = {0};
    for (size_t i = 0; i < N_LABELS; i++)
        wire_put_bytes(&series, 1, "", 0);
    put_message(&message, 1, &series);
    g_autoptr(GError) error = push_request(fixture, message.data, message.size);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_string_equal(error->message,
                        "push request: too many labels or profiles: send fewer at once");
    g_free(message.data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_pushed_is_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_good_series_of_a_batch_are_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dropped_series_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_series_beyond_the_limit_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_retries_are_not_stored_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_retries_of_old_profiles_are_known_after_a_restart,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_at_the_same_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_profile_stays_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_labels_of_a_request_are_bounded, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
