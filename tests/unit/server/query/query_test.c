#include "server/query/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "server/ingest/ingest.h"

enum { MEMORY_BYTES = 64 * 1024 * 1024, SEAL_BYTES = 64 * 1024 * 1024 };

#define SECOND_NS INT64_C(1000000000)

static const int64_t BASE_NS = INT64_C(1800000000) * SECOND_NS;
static const char CPU[] = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

typedef struct {
    char *folder;
    Store *store;
    Ingest *ingest;
} Fixture;

static void
open_all(Fixture *fixture, int64_t seal_bytes)
{
    g_autoptr(GError) error = NULL;
    StoreConfig config = {
        .data_dir = fixture->folder, .seal_bytes = seal_bytes, .seal_age_ns = 3600 * SECOND_NS};
    fixture->store = store_open(&config, &error);
    if (fixture->store == NULL)
        fail_msg("%s", error->message);
    IngestLimits limits = {.profile_bytes_max = CRESSET_PROFILE_BYTES_MAX,
                           .samples_max = CRESSET_PROFILE_SAMPLES_MAX,
                           .sample_labels_max = CRESSET_SAMPLE_LABELS_MAX,
                           .stack_depth_max = CRESSET_STACK_DEPTH_MAX,
                           .symbol_length_max = CRESSET_SYMBOL_LENGTH_MAX,
                           .label_names_max = CRESSET_LABEL_NAMES_MAX,
                           .label_name_length_max = CRESSET_LABEL_NAME_LENGTH_MAX,
                           .label_value_length_max = CRESSET_LABEL_VALUE_LENGTH_MAX,
                           .body_bytes_max = CRESSET_PUSH_BODY_BYTES_MAX};
    fixture->ingest = ingest_new(fixture->store, &limits);
}

static int
set_up(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->folder = g_dir_make_tmp("cresset-query-XXXXXX", NULL);
    open_all(fixture, SEAL_BYTES);
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

static void
close_all(Fixture *fixture)
{
    store_close(fixture->store);
    ingest_free(fixture->ingest);
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

static void
push_bytes(const Fixture *fixture, const Label *labels, size_t n, const uint8_t *data, size_t size)
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

/* Adds "root;frame;leaf" = value. A frame "a+b" is one location: b, with a inlined into it. */
static void
add_stack(PprofBuilder *builder, const char *stack, int64_t value)
{
    g_auto(GStrv) frames = g_strsplit(stack, ";", -1);
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
    pprof_builder_sample(builder, &sample);
}

/* Pushes one CPU profile of stacks "a;b=3 c=4" of `service` at BASE_NS + seconds. */
static void
push(const Fixture *fixture, const char *service, const char *pod, int64_t seconds,
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
    push_bytes(fixture, labels, G_N_ELEMENTS(labels), bytes->data, bytes->len);
}

static void
push_example(const Fixture *fixture)
{
    push(fixture, "shop", "p1", 10, "main;work;sort=30 main;idle=5");
    push(fixture, "shop", "p2", 10, "main;work=7");
    push(fixture, "pay", "p3", 12, "main;charge+work;sort=100");
    push(fixture, "shop", "p1", 20, "main;work;sort=2 init=1");
}

static Query
make_query(const Fixture *fixture)
{
    return (Query){.store = fixture->store,
                   .tenant = "t",
                   .start_ns = BASE_NS,
                   .end_ns = BASE_NS + 100 * SECOND_NS,
                   .profile_type = CPU};
}

/* ---- Trees. ---- */

/* "path total self" per node. */
static char *
print_tree(const Tree *tree)
{
    GString *out = g_string_new(NULL);
    for (uint32_t i = 0; i < tree->n_nodes; i++) {
        uint32_t length;
        const char *name = tree_node_name(tree, i, &length);
        g_string_append_printf(out, "%*s%.*s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
                               (int)tree->depth[i], "", (int)length, name, tree->total[i],
                               tree->self[i]);
    }
    return g_string_free(out, FALSE);
}

static void
assert_tree(const Query *query, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tree) tree = query_tree(query, &error);
    if (tree == NULL)
        fail_msg("%s", error->message);
    g_autofree char *text = print_tree(tree);
    assert_string_equal(text, expected);
}

static void
assert_selected(const Fixture *fixture, const char *selector, const char *expected)
{
    Query query = make_query(fixture);
    g_autoptr(MatcherSet) matchers = matcher_set_parse(selector, NULL);
    query.matchers = matchers;
    assert_tree(&query, expected);
}

static void
test_trees(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    static const char ALL[] = " 145 0\n"
                              " init 1 1\n"
                              " main 144 0\n"
                              "  idle 5 5\n"
                              "  work 139 7\n"
                              "   charge 100 0\n"
                              "    sort 100 100\n"
                              "   sort 32 32\n";
    assert_selected(fixture, "{}", ALL);
    assert_selected(fixture, "{zone=\"z\"}", ALL);
    assert_selected(fixture, "{service_name=\"pay\"}",
                    " 100 0\n main 100 0\n  work 100 0\n   charge 100 0\n    sort 100 100\n");
    assert_selected(fixture, "{pod=~\"p[13]\",service_name!=\"pay\"}",
                    " 38 0\n init 1 1\n main 37 0\n  idle 5 5\n  work 32 0\n   sort 32 32\n");
    assert_selected(fixture, "{pod=\"nobody\"}", " 0 0\n");

    Query query = make_query(fixture);
    query.tenant = "another";
    assert_tree(&query, " 0 0\n");
    query = make_query(fixture);
    query.profile_type = "memory:inuse_space:bytes:space:bytes";
    assert_tree(&query, " 0 0\n");
    query.profile_type = NULL;
    assert_tree(&query, ALL);
}

static void
test_range_is_closed(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    Query query = make_query(fixture);
    query.start_ns = BASE_NS + 20 * SECOND_NS;
    query.end_ns = BASE_NS + 20 * SECOND_NS;
    assert_tree(&query, " 3 0\n init 1 1\n main 2 0\n  work 2 0\n   sort 2 2\n");
    query.start_ns++;
    query.end_ns++;
    assert_tree(&query, " 0 0\n");
    query.start_ns = BASE_NS + 11 * SECOND_NS;
    query.end_ns = BASE_NS + 12 * SECOND_NS;
    assert_tree(&query, " 100 0\n main 100 0\n  work 100 0\n   charge 100 0\n    sort 100 100\n");
}

static void
test_call_site(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    Query query = make_query(fixture);
    g_auto(GStrv) work = g_strsplit("main;work", ";", -1);
    query.call_site = work;
    assert_tree(&query, " 139 0\n main 139 0\n  work 139 7\n   charge 100 0\n    sort 100 100\n"
                        "   sort 32 32\n");
    g_auto(GStrv) wrong = g_strsplit("work", ";", -1);
    query.call_site = wrong;
    assert_tree(&query, " 0 0\n");
    g_auto(GStrv) none = g_new0(char *, 1);
    query.call_site = none;
    g_autoptr(Tree) tree = query_tree(&query, NULL);
    assert_int_equal(tree->total[0], 145);
}

/* The same before and after a restart, which reads everything back from the log. */
static void
test_after_a_restart(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    Query query = make_query(fixture);
    g_autoptr(Tree) before = query_tree(&query, NULL);
    g_autofree char *text = print_tree(before);
    close_all(fixture);
    open_all(fixture, SEAL_BYTES);
    query = make_query(fixture);
    assert_tree(&query, text);
}

/* ---- Metadata. ---- */

static void
assert_words(GStrv words, const char *expected)
{
    assert_non_null(words);
    g_autofree char *joined = g_strjoinv(" ", words);
    assert_string_equal(joined, expected);
}

static void
test_metadata(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    Query query = make_query(fixture);
    query.profile_type = NULL;
    g_auto(GStrv) types = query_profile_types(&query, NULL);
    assert_words(types, CPU);
    g_auto(GStrv) names = query_label_names(&query, NULL);
    assert_words(names, "__name__ __period_type__ __period_unit__ __profile_type__ "
                        "__service_name__ __type__ __unit__ pod service_name zone");
    g_auto(GStrv) pods = query_label_values(&query, "pod", NULL);
    assert_words(pods, "p1 p2 p3");
    g_auto(GStrv) missing = query_label_values(&query, "missing", NULL);
    assert_words(missing, "");
    g_autoptr(MatcherSet) matchers = matcher_set_parse("{service_name=\"shop\"}", NULL);
    query.matchers = matchers;
    g_auto(GStrv) shop_pods = query_label_values(&query, "pod", NULL);
    assert_words(shop_pods, "p1 p2");
    query.end_ns = BASE_NS + 5 * SECOND_NS;
    g_auto(GStrv) early = query_label_values(&query, "pod", NULL);
    assert_words(early, "");
}

static void
test_series(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    Query query = make_query(fixture);
    const char *const names[] = {"service_name", "zone", "absent", NULL};
    g_autoptr(GPtrArray) sets = query_series(&query, names, NULL);
    assert_int_equal(sets->len, 2);
    assert_string_equal(labels_get(sets->pdata[0], "service_name"), "pay");
    assert_string_equal(labels_get(sets->pdata[1], "service_name"), "shop");
    assert_int_equal(((Labels *)sets->pdata[0])->n_labels, 2);
    g_autoptr(GPtrArray) whole = query_series(&query, NULL, NULL);
    assert_int_equal(whole->len, 3);
    assert_int_equal(((Labels *)whole->pdata[0])->n_labels, 10);
}

/* ---- Series over time. ---- */

/* "label value,… total: time=value …" per series. */
static void
assert_time_series(const Query *query, const char *group, int64_t step_s,
                   QueryAggregation aggregation, size_t limit, const char *expected)
{
    const char *const group_by[] = {group, NULL};
    g_autoptr(GPtrArray) all =
        query_time_series(query, group_by, step_s * SECOND_NS, aggregation, limit, NULL);
    assert_non_null(all);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < all->len; i++) {
        const QueryTimeSeries *series = all->pdata[i];
        for (uint32_t j = 0; j < series->labels->n_labels; j++)
            g_string_append_printf(out, "%s ", series->labels->labels[j].value);
        g_string_append_printf(out, "%g:", series->total);
        for (guint j = 0; j < series->points->len; j++) {
            const QueryPoint *point = &g_array_index(series->points, QueryPoint, j);
            g_string_append_printf(
                out, " %d=%g", (int)(point->time_ms / 1000 - BASE_NS / SECOND_NS), point->value);
        }
        g_string_append_c(out, '\n');
    }
    assert_string_equal(out->str, expected);
}

static void
test_time_series(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture); /* 42 at 10 s, 100 at 12 s, 3 at 20 s */
    Query query = make_query(fixture);
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "145: 10=42 20=103\n");
    assert_time_series(&query, NULL, 15, QUERY_SUM, 0, "145: 15=142 30=3\n");
    assert_time_series(&query, NULL, 10, QUERY_AVERAGE, 0, "72.5: 10=21 20=51.5\n");
    assert_time_series(&query, "service_name", 10, QUERY_SUM, 0,
                       "pay 100: 20=100\nshop 45: 10=42 20=3\n");
    assert_time_series(&query, "service_name", 10, QUERY_SUM, 1, "pay 100: 20=100\n");
    assert_time_series(&query, "absent", 10, QUERY_SUM, 0, "145: 10=42 20=103\n");

    /* Read from start - step, which is exclusive; nothing behind the last full step. */
    query.start_ns = BASE_NS + 20 * SECOND_NS;
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "103: 20=103\n");
    assert_time_series(&query, NULL, 8, QUERY_SUM, 0, "3: 20=3\n");
    query.start_ns = BASE_NS;
    query.end_ns = BASE_NS + 19 * SECOND_NS;
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "42: 10=42\n");
    query.end_ns = BASE_NS + 20 * SECOND_NS - 1;
    assert_time_series(&query, NULL, 10, QUERY_SUM, 0, "42: 10=42\n");
}

static void
test_time_series_below_a_call_site(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    Query query = make_query(fixture);
    g_auto(GStrv) sort = g_strsplit("main;work;sort", ";", -1);
    query.call_site = sort;
    assert_time_series(&query, "pod", 10, QUERY_SUM, 0, "p1 32: 10=30 20=2\n");
}

/* ---- pprof. ---- */

typedef struct {
    GBytes *bytes;
    Arena *arena;
    Profile profile;
} Decoded;

static Decoded
decode(GBytes *bytes)
{
    Decoded decoded = {.bytes = bytes, .arena = arena_new(MEMORY_BYTES)};
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    PprofInput input = {.data = data, .size = size, .arena = decoded.arena};
    g_autoptr(GError) error = NULL;
    if (pprof_decode(&input, &decoded.profile, &error) != PPROF_OK)
        fail_msg("%s", error->message);
    return decoded;
}

static void
decoded_clear(Decoded *decoded)
{
    g_bytes_unref(decoded->bytes);
    arena_free(decoded->arena);
}

static void
append_frame(GString *out, const Profile *p, uint32_t location)
{
    const ProfileLocation *from = &p->locations[location];
    for (uint32_t i = from->n_lines; i-- > 0;) {
        const ProfileLine *line = &p->lines[from->first_line + i];
        const ProfileFunction *function = &p->functions[line->function];
        const ProfileString *name = &p->strings[function->name];
        const ProfileString *file = &p->strings[function->filename];
        g_string_append_printf(out, "%.*s(%.*s:%d)%s", (int)name->length, name->data,
                               (int)file->length, file->data, (int)line->line, i > 0 ? "<" : ";");
    }
    if (from->n_lines == 0)
        g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x;", from->address);
}

/* Values of one sample type by stack, with files, lines and inlining, zeros left out. */
static GHashTable *
stacks_of(const Profile *p, uint32_t type)
{
    GHashTable *stacks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (uint32_t i = 0; i < p->n_samples; i++) {
        int64_t value = p->values[(size_t)i * p->n_sample_types + type];
        if (value == 0)
            continue;
        g_autoptr(GString) key = g_string_new(NULL);
        for (uint32_t j = p->samples[i].n_locations; j-- > 0;)
            append_frame(key, p, p->stack_locations[p->samples[i].first_location + j]);
        int64_t *sum = g_hash_table_lookup(stacks, key->str);
        if (sum == NULL) {
            sum = g_new0(int64_t, 1);
            g_hash_table_insert(stacks, g_strdup(key->str), sum);
        }
        *sum += value;
    }
    return stacks;
}

static void
assert_same_stacks(GHashTable *actual, GHashTable *expected)
{
    assert_int_equal(g_hash_table_size(actual), g_hash_table_size(expected));
    GHashTableIter iter;
    void *key, *value;
    g_hash_table_iter_init(&iter, expected);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const int64_t *found = g_hash_table_lookup(actual, key);
        if (found == NULL || *found != *(int64_t *)value)
            fail_msg("%s: %d instead of %d", (char *)key, found != NULL ? (int)*found : 0,
                     (int)*(int64_t *)value);
    }
}

static void
test_pprof(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    Query query = make_query(fixture);
    Decoded result = decode(query_pprof(&query, NULL));
    const Profile *p = &result.profile;
    assert_int_equal(p->n_sample_types, 1);
    assert_int_equal(p->default_sample_type, p->sample_types[0].type);
    assert_true(p->time_ns == query.end_ns);
    assert_int_equal(p->duration_ns, 0);
    assert_int_equal(p->period, 100);
    g_autoptr(GHashTable) stacks = stacks_of(p, 0);
    assert_int_equal(g_hash_table_size(stacks), 5);
    const int64_t *sort =
        g_hash_table_lookup(stacks, "main(main.c:4);work(main.c:4);sort(main.c:4);");
    assert_int_equal(*sort, 32);
    const int64_t *inlined = g_hash_table_lookup(
        stacks, "main(main.c:4);work(main.c:4)<charge(main.c:6);sort(main.c:4);");
    assert_int_equal(*inlined, 100);

    /* The same bytes every time. */
    g_autoptr(GBytes) again = query_pprof(&query, NULL);
    assert_true(g_bytes_equal(again, result.bytes));
    decoded_clear(&result);

    query.profile_type = NULL;
    g_autoptr(GError) error = NULL;
    assert_null(query_pprof(&query, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
}

/* A real profile of a Go program comes back as it was, sample type by sample type. */
static void
test_real_go_profiles(void **state)
{
    Fixture *fixture = *state;
    static const struct {
        const char *file, *name, *types[4];
    } cases[] = {
        {"cpu",
         "process_cpu",
         {"process_cpu:samples:count:cpu:nanoseconds",
          "process_cpu:cpu:nanoseconds:cpu:nanoseconds"}},
        {"heap",
         "memory",
         {"memory:alloc_objects:count:space:bytes", "memory:alloc_space:bytes:space:bytes",
          "memory:inuse_objects:count:space:bytes", "memory:inuse_space:bytes:space:bytes"}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path =
            g_strdup_printf(CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/%s.pb.gz", cases[i].file);
        g_autofree char *packed = NULL;
        gsize size = 0;
        assert_true(g_file_get_contents(path, &packed, &size, NULL));
        const Label labels[] = {{"__name__", cases[i].name}, {"service_name", "go"}};
        push_bytes(fixture, labels, 2, (uint8_t *)packed, size);
        Decoded original = decode(g_byte_array_free_to_bytes(
            gzip_decompress((uint8_t *)packed, size, MEMORY_BYTES, NULL)));
        for (uint32_t type = 0; type < original.profile.n_sample_types; type++) {
            Query query = {.store = fixture->store,
                           .tenant = "t",
                           .end_ns = INT64_MAX / 2,
                           .profile_type = cases[i].types[type]};
            Decoded result = decode(query_pprof(&query, NULL));
            g_autoptr(GHashTable) actual = stacks_of(&result.profile, 0);
            g_autoptr(GHashTable) expected = stacks_of(&original.profile, type);
            assert_true(g_hash_table_size(expected) > 0);
            assert_same_stacks(actual, expected);
            decoded_clear(&result);
        }
        decoded_clear(&original);
    }
}

/* Every append seals the log: whatever stands in heads and blocks just then, the sums are right. */
static void
test_several_sources(void **state)
{
    Fixture *fixture = *state;
    close_all(fixture);
    open_all(fixture, 1);
    for (int i = 1; i <= 30; i++) {
        push(fixture, "shop", "p1", i, "main;work;sort=30 main;idle=5");
        Query query = make_query(fixture);
        g_autofree char *expected =
            g_strdup_printf(" %d 0\n main %d 0\n  idle %d %d\n  work %d 0\n   sort %d %d\n", 35 * i,
                            35 * i, 5 * i, 5 * i, 30 * i, 30 * i, 30 * i);
        assert_tree(&query, expected);
        assert_time_series(&query, "pod", 1000, QUERY_SUM, 0, "");
        query.end_ns = BASE_NS + 1000 * SECOND_NS;
        g_autofree char *sum = g_strdup_printf("p1 %d: 1000=%d\n", 35 * i, 35 * i);
        assert_time_series(&query, "pod", 1000, QUERY_SUM, 0, sum);
        Decoded result = decode(query_pprof(&query, NULL));
        g_autoptr(GHashTable) stacks = stacks_of(&result.profile, 0);
        const int64_t *idle = g_hash_table_lookup(stacks, "main(main.c:4);idle(main.c:4);");
        assert_int_equal(*idle, 5 * i);
        assert_int_equal(result.profile.n_samples, 2);
        decoded_clear(&result);
    }
}

static void
test_wrong_profile_types(void **state)
{
    Fixture *fixture = *state;
    push_example(fixture);
    static const char *const WRONG[] = {
        "", "cpu", "a:b:c:d", "a:b:c:d:e:f", "a:b:c:d:e:delta:g", ":b:c:d:e"};
    for (size_t i = 0; i < G_N_ELEMENTS(WRONG); i++) {
        g_autoptr(GError) error = NULL;
        Query query = make_query(fixture);
        query.profile_type = WRONG[i];
        assert_null(query_tree(&query, &error));
        assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    }
    Query query = make_query(fixture);
    query.profile_type = "process_cpu:cpu:nanoseconds:cpu:nanoseconds:delta";
    g_autoptr(Tree) tree = query_tree(&query, NULL);
    assert_int_equal(tree->total[0], 145);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_trees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_range_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_call_site, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_series, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_series, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_series_below_a_call_site, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pprof, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_real_go_profiles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_profile_types, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
