/* From samples to what a server receives: a real HTTP server, a real symbolizer process (this
 * program, started anew). */
#include "agent/export/exporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cresset/event.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"
#include "lib/symbolize/worker.h"
#include "tests/harness/push_server.h"
#include "tests/unit/agent/export/fake_process.h"

enum { WAIT_MS = 30000, PERIOD_NS = 10000000 };

/* One decoded series of a push. */
typedef struct {
    GHashTable *labels;
    GByteArray *pprof;
    Arena *arena;
    Profile profile;
    char *id;
} Series;

typedef struct {
    const uint8_t *data;
    size_t size;
} Slice;

/* Reads the next length-delimited field. */
static bool
next_field(Slice *in, uint32_t *ret_field, Slice *ret_value)
{
    const uint8_t *at = in->data, *end = in->data + in->size;
    uint64_t tag, size;
    if (at == end || !wire_read_varint(&at, end, &tag) || !wire_read_varint(&at, end, &size))
        return false;
    assert_int_equal(tag & 7, WIRE_BYTES);
    assert_true(size <= (size_t)(end - at));
    *ret_field = (uint32_t)(tag >> 3);
    *ret_value = (Slice){at, size};
    *in = (Slice){at + size, (size_t)(end - at) - size};
    return true;
}

static char *
slice_text(Slice slice)
{
    return g_strndup((const char *)slice.data, slice.size);
}

static void
read_label(Series *series, Slice pair)
{
    char *name = NULL, *value = NULL;
    uint32_t field;
    for (Slice part; next_field(&pair, &field, &part);)
        *(field == 1 ? &name : &value) = slice_text(part);
    assert_false(g_hash_table_contains(series->labels, name));
    g_hash_table_insert(series->labels, name, value);
}

static void
read_sample(Series *series, Slice sample)
{
    uint32_t field;
    for (Slice part; next_field(&sample, &field, &part);) {
        if (field == 1)
            series->pprof = gzip_decompress(part.data, part.size, 16 * 1024 * 1024, NULL);
        else
            series->id = slice_text(part);
    }
    assert_non_null(series->pprof);
    series->arena = arena_new(64 * 1024 * 1024);
    PprofInput input = {.data = series->pprof->data,
                        .size = series->pprof->len,
                        .samples_max = 16000,
                        .arena = series->arena};
    g_autoptr(GError) error = NULL;
    assert_int_equal(pprof_decode(&input, &series->profile, &error), PPROF_OK);
}

static void
series_free(Series *series)
{
    g_hash_table_unref(series->labels);
    g_byte_array_unref(series->pprof);
    arena_free(series->arena);
    g_free(series->id);
    g_free(series);
}

/* Decodes push.v1.PushRequest. */
static GPtrArray *
read_push(GBytes *body)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)series_free);
    Slice in;
    in.data = g_bytes_get_data(body, &in.size);
    uint32_t field;
    for (Slice message; next_field(&in, &field, &message);) {
        assert_int_equal(field, 1);
        Series *series = g_new0(Series, 1);
        series->labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        for (Slice part; next_field(&message, &field, &part);) {
            if (field == 1)
                read_label(series, part);
            else
                read_sample(series, part);
        }
        g_ptr_array_add(all, series);
    }
    return all;
}

static void
check_label(const Series *series, const char *name, const char *expected)
{
    const char *value = g_hash_table_lookup(series->labels, name);
    if (expected == NULL)
        assert_null(value);
    else
        assert_string_equal(value, expected);
}

static char *
profile_text(const Profile *profile, uint32_t string)
{
    return g_strndup(profile->strings[string].data, profile->strings[string].length);
}

/* "leaf;…;root VALUE" of one sample. */
static char *
sample_text(const Profile *profile, uint32_t i)
{
    const ProfileSample *sample = &profile->samples[i];
    g_autoptr(GString) out = g_string_new(NULL);
    for (uint32_t k = 0; k < sample->n_locations; k++) {
        uint32_t position = profile->stack_locations[sample->first_location + k];
        const ProfileLocation *location = &profile->locations[position];
        for (uint32_t j = 0; j < location->n_lines; j++) {
            uint32_t function = profile->lines[location->first_line + j].function;
            g_autofree char *name = profile_text(profile, profile->functions[function].name);
            g_string_append_printf(out, "%s%s", out->len > 0 ? ";" : "", name);
        }
    }
    g_string_append_printf(out, " %" G_GINT64_FORMAT, profile->values[i]);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Of this machine alone: no cluster, no rules. */
static Discovery *discovery;

/* To one server, as tenant team-a. */
static Shipper *
shipper_to(const char *url)
{
    g_autoptr(GPtrArray) endpoints = g_ptr_array_new_with_free_func((GDestroyNotify)endpoint_unref);
    Endpoint *endpoint = endpoint_new();
    endpoint->url = g_strdup(url);
    endpoint->tenant = g_strdup("team-a");
    endpoint->backoff_min_ms = 5;
    endpoint->backoff_max_ms = 20;
    assert_true(endpoint_check(endpoint, NULL));
    g_ptr_array_add(endpoints, endpoint);
    const ShipperConfig config = {.endpoints = endpoints};
    return shipper_new(&config);
}

static ExporterConfig
make_config(Shipper *shipper)
{
    return (ExporterConfig){
        .shipper = shipper, .discovery = discovery, .node = "node-1", .period_ns = PERIOD_NS};
}

static void
stop(Exporter *exporter, Shipper *shipper)
{
    exporter_stop(exporter, WAIT_MS);
    shipper_stop(shipper, WAIT_MS);
}

static char *
server_url(uint16_t port)
{
    return g_strdup_printf("http://127.0.0.1:%u/", port);
}

static void
add_sample(Exporter *exporter, Process *process, Executable *executable, uint64_t address,
           uint8_t stop)
{
    Frame frames[] = {{.kind = FRAME_FILE, .executable = executable, .address = address},
                      {.kind = FRAME_FILE,
                       .is_return_address = true,
                       .executable = executable,
                       .address = 0x2001}};
    Sample sample = {.process = process,
                     .period_ns = PERIOD_NS,
                     .frames = frames,
                     .n_frames = 2,
                     .is_cut = stop != 0,
                     .stop_reason = stop};
    exporter_add(&sample, exporter);
}

static void
check_head(PushServer *server)
{
    g_autofree char *head = push_server_head(server);
    assert_non_null(strstr(head, "POST /push.v1.PusherService/Push HTTP/1.1"));
    assert_non_null(strstr(head, "X-Scope-OrgID: team-a"));
    assert_non_null(strstr(head, "Content-Type: application/proto"));
}

static void
test_a_window_becomes_one_profile_per_process(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    g_autofree char *url = server_url(push_server_port(server));
    const char *labels[] = {"cluster=green", NULL};
    g_autoptr(Shipper) shipper = shipper_to(url);
    ExporterConfig config = make_config(shipper);
    config.labels = labels;
    Exporter *exporter = exporter_new(&config, NULL);
    assert_non_null(exporter);
    Process *shop = fake_process_new(10, "shop-worker", "/opt/shop (deleted)", "0123abcd");
    Process *kernel = fake_process_new(2, "kthreadd", NULL, NULL);
    kernel->is_kernel_thread = true;
    Executable *file = fake_executable_new(5, "/opt/libshop.so");
    add_sample(exporter, shop, file, 0x1000, 0);
    add_sample(exporter, shop, file, 0x1000, 0);
    add_sample(exporter, shop, file, 0x1234, UNWIND_STOP_DEPTH);
    Sample idle = {.process = kernel, .period_ns = PERIOD_NS};
    exporter_add(&idle, exporter);
    process_unref(shop);
    process_unref(kernel);
    executable_unref(file);
    stop(exporter, shipper);
    assert_int_equal(push_server_wait(server, 1, WAIT_MS), 1);
    check_head(server);
    g_autoptr(GBytes) body = push_server_body(server, 0);
    g_autoptr(GPtrArray) all = read_push(body);
    assert_int_equal(all->len, 2);
    const Series *first = all->pdata[0], *second = all->pdata[1];
    check_label(first, "__name__", "process_cpu");
    check_label(first, "service_name", "shop");
    check_label(first, "node", "node-1");
    check_label(first, "pid", "10");
    check_label(first, "comm", "shop-worker");
    check_label(first, "container_id", "0123abcd");
    check_label(first, "cluster", "green");
    check_label(first, "source", "ebpf");
    check_label(second, "service_name", "kernel");
    check_label(second, "container_id", NULL);
    assert_string_not_equal(first->id, second->id);
    const Profile *profile = &first->profile;
    assert_int_equal(profile->n_samples, 2);
    g_autofree char *whole = sample_text(profile, 0), *cut = sample_text(profile, 1);
    assert_string_equal(whole, "libshop.so+0x1000;libshop.so+0x2000 20000000");
    assert_string_equal(cut, "libshop.so+0x1234;libshop.so+0x2000;"
                             "[truncated: more frames than are kept] 10000000");
    g_autofree char *type = profile_text(profile, profile->sample_types[0].type);
    g_autofree char *period_unit = profile_text(profile, profile->period_type.unit);
    g_autofree char *build_id = profile_text(profile, profile->mappings[0].build_id);
    assert_string_equal(type, "cpu");
    assert_string_equal(period_unit, "nanoseconds");
    assert_string_equal(build_id, "deadbeef");
    assert_int_equal(profile->period, PERIOD_NS);
    assert_true(profile->time_ns > 0 && profile->duration_ns > 0);
    exporter_free(exporter);
    assert_int_equal(fake_process_refs, 0);
    assert_int_equal(fake_executable_refs, 0);
}

static void
test_profiles_wait_for_a_server_that_is_away(void **state)
{
    (void)state;
    uint16_t port = push_server_free_port();
    g_autofree char *url = server_url(port);
    g_autoptr(Shipper) shipper = shipper_to(url);
    ExporterConfig config = make_config(shipper);
    Exporter *exporter = exporter_new(&config, NULL);
    Process *process = fake_process_new(10, "shop", "/opt/shop", NULL);
    Executable *file = fake_executable_new(5, "/opt/shop");
    for (int window = 0; window < 3; window++) {
        add_sample(exporter, process, file, 0x1000, 0);
        exporter_end_window(exporter);
    }
    g_autoptr(PushServer) server = push_server_new(port);
    push_server_answer(server, 503, "{\"code\":\"unavailable\"}");
    assert_true(push_server_wait(server, 2, WAIT_MS) >= 2);
    push_server_answer(server, 200, "");
    stop(exporter, shipper);
    size_t n_profiles = 0;
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0;; i++) {
        g_autoptr(GBytes) body = push_server_body(server, i);
        if (body == NULL)
            break;
        g_autoptr(GPtrArray) all = read_push(body);
        for (guint k = 0; k < all->len; k++, n_profiles++)
            g_hash_table_add(ids, g_strdup(((const Series *)all->pdata[k])->id));
    }
    assert_int_equal(n_profiles, 3);
    assert_int_equal(g_hash_table_size(ids), 3);
    exporter_free(exporter);
    process_unref(process);
    executable_unref(file);
}

static void
test_a_large_process_is_cut_into_parts(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    g_autofree char *url = server_url(push_server_port(server));
    g_autoptr(Shipper) shipper = shipper_to(url);
    ExporterConfig config = make_config(shipper);
    Exporter *exporter = exporter_new(&config, NULL);
    Process *process = fake_process_new(10, "shop", "/opt/shop", NULL);
    Executable *file = fake_executable_new(5, "/opt/shop");
    enum { STACKS = 40000 };
    for (uint64_t i = 0; i < STACKS; i++)
        add_sample(exporter, process, file, 0x10000 + i, 0);
    stop(exporter, shipper);
    size_t n_samples = 0, n_parts = 0;
    for (size_t i = 0;; i++) {
        g_autoptr(GBytes) body = push_server_body(server, i);
        if (body == NULL)
            break;
        g_autoptr(GPtrArray) all = read_push(body);
        for (guint k = 0; k < all->len; k++, n_parts++) {
            const Series *series = all->pdata[k];
            n_samples += series->profile.n_samples;
            assert_true(series->pprof->len <= 4 * 1024 * 1024);
        }
    }
    assert_int_equal(n_samples, STACKS);
    assert_true(n_parts >= 3);
    exporter_free(exporter);
    process_unref(process);
    executable_unref(file);
}

static void
test_bad_labels_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"novalue", "not KEY=VALUE"},
                                           {"1a=b", "a name is letters"},
                                           {"pid=7", "set by the agent itself"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *labels[] = {cases[i][0], NULL};
        ExporterConfig config = {.discovery = discovery, .labels = labels};
        g_autoptr(GError) error = NULL;
        assert_null(exporter_new(&config, &error));
        assert_non_null(strstr(error->message, cases[i][1]));
    }
}

static void
test_windows_without_samples_are_told(void **state)
{
    (void)state;
    g_autoptr(PushServer) server = push_server_new(0);
    g_autofree char *url = server_url(push_server_port(server));
    g_autoptr(Shipper) shipper = shipper_to(url);
    ExporterConfig config = make_config(shipper);
    g_autoptr(Exporter) exporter = exporter_new(&config, NULL);
    Process *process = fake_process_new(10, "shop", "/opt/shop", NULL);
    Executable *file = fake_executable_new(5, "/opt/shop");
    for (int window = 0; window < 8; window++) {
        g_autoptr(GString) problems = g_string_new(NULL);
        exporter_check(exporter, problems);
        if (window < 4)
            assert_string_equal(problems->str, "");
        else
            assert_non_null(strstr(problems->str, "sampling: there was no sample since 2"));
        exporter_end_window(exporter);
    }
    add_sample(exporter, process, file, 0x1000, 0);
    exporter_end_window(exporter);
    g_autoptr(GString) problems = g_string_new(NULL);
    exporter_check(exporter, problems);
    assert_string_equal(problems->str, "");
    process_unref(process);
    executable_unref(file);
    stop(exporter, shipper);
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main(WORKER_FD);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_becomes_one_profile_per_process),
        cmocka_unit_test(test_profiles_wait_for_a_server_that_is_away),
        cmocka_unit_test(test_a_large_process_is_cut_into_parts),
        cmocka_unit_test(test_bad_labels_are_named),
        cmocka_unit_test(test_windows_without_samples_are_told),
    };
    const DiscoveryConfig config = {0};
    discovery = discovery_new(&config, NULL);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    discovery_free(discovery);
    return n_failed;
}
