/* The names of labels, as a tenant wants them: of series and of samples. */
#include "server/ingest/series_labels.h"

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "server/ingest/prepare.h"
#include "tests/harness/check.h"

static TenantLimits limits;
static Arena *arena;

static int
setup(void **state)
{
    (void)state;
    tenant_limits_init(&limits);
    limits.sanitization_disabled = false;
    arena = arena_new(prepare_memory_max(&limits));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Labels as "name=value name=value". */
static GArray *
make_labels(char **texts)
{
    GArray *labels = g_array_new(FALSE, FALSE, sizeof(Label));
    for (size_t i = 0; texts[i] != NULL; i++) {
        char *value = strchr(texts[i], '=');
        *value = '\0';
        Label label = {texts[i], value + 1};
        g_array_append_val(labels, label);
    }
    return labels;
}

static char *
print(const Label *labels, size_t n)
{
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < n; i++)
        g_string_append_printf(out, "%s%s=%s", i > 0 ? " " : "", labels[i].name, labels[i].value);
    return g_string_free(out, FALSE);
}

/* What is kept of a series with a name, of which the service is the first. */
static void
expect_kept(const char *sent, const char *wanted)
{
    g_autofree char *text = g_strconcat("__name__=cpu ", sent, NULL);
    g_auto(GStrv) texts = g_strsplit(text, " ", -1);
    g_autoptr(GArray) labels = make_labels(texts), kept = g_array_new(FALSE, FALSE, sizeof(Label));
    g_autoptr(GError) error = NULL;
    IngestReason reason =
        series_labels_take(&limits, (const Label *)labels->data, labels->len, arena, kept, &error);
    assert_no_error(error);
    assert_int_equal(reason, REASON_NONE);
    g_autofree char *got = print((const Label *)kept->data + 1, kept->len - 1);
    assert_string_equal(got, wanted);
}

static void
expect_refused(const char *sent, IngestReason wanted, const char *says)
{
    g_autofree char *text = g_strconcat("__name__=cpu ", sent, NULL);
    g_auto(GStrv) texts = g_strsplit(text, " ", -1);
    g_autoptr(GArray) labels = make_labels(texts), kept = g_array_new(FALSE, FALSE, sizeof(Label));
    g_autoptr(GError) error = NULL;
    assert_int_equal(
        series_labels_take(&limits, (const Label *)labels->data, labels->len, arena, kept, &error),
        wanted);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_error_says(error, says);
}

static void
test_names_are_kept_as_they_are(void **state)
{
    (void)state;
    limits.sanitization_disabled = true;
    expect_kept("service_name=s otel.scope.name=a otel_scope_name=b größe-1=c 1=d",
                "service_name=s otel.scope.name=a otel_scope_name=b größe-1=c 1=d");
}

static void
test_dots_are_rewritten(void **state)
{
    (void)state;
    expect_kept("service_name=s otel.scope.name=a A_1=b _=c .x.=d",
                "service_name=s otel_scope_name=a A_1=b _=c _x_=d");
}

/* Before the server looks for the labels that it needs, or that are its own. */
static void
test_rewritten_names_are_names(void **state)
{
    (void)state;
    expect_kept("service.name=s", "service_name=s");
    expect_kept("service_name= service.name=s", "service_name=s");
    expect_kept("service.name=s service_name=", "service_name=s");
    expect_kept("service_name=s __profile.type__=x __order.__=y __session.id__=z",
                "service_name=s __order___=y");
}

static void
test_labels_that_become_equal_are_one(void **state)
{
    (void)state;
    expect_kept("service_name=s service.name=s a.b.c=1 a_b.c=1 a_b_c=1", "service_name=s a_b_c=1");
}

static void
test_labels_with_one_name_and_several_values_are_refused(void **state)
{
    (void)state;
    static const char SAYS[] = "profile series '{__name__=\"cpu\", a.b=\"1\", a_b=\"2\"}' has a "
                               "duplicate label name once dots are '_' "
                               "(disable_label_sanitization): 'a_b'";
    expect_refused("a.b=1 a_b=2", REASON_DUPLICATE_LABELS, SAYS);
    expect_refused("a_b=2 a.b=1", REASON_DUPLICATE_LABELS, SAYS);
    /* The same name twice stays what it is. */
    expect_refused("a.b=1 a.b=1", REASON_DUPLICATE_LABELS, "has duplicate label name: 'a.b'");
}

static void
test_other_characters_are_refused(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"a-b", "größe", "1a", "a/b", "a:b"};
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        g_autofree char *sent = g_strconcat("a.b=1 ", NAMES[i], "=x", NULL);
        g_autofree char *says = g_strdup_printf("with error: the name '%s' begins", NAMES[i]);
        expect_refused(sent, REASON_INVALID_LABELS, says);
    }
    expect_refused("a-b=1", REASON_INVALID_LABELS,
                   "invalid labels '{__name__=\"cpu\", a-b=\"1\"}'");
    expect_refused("a-b=1", REASON_INVALID_LABELS, "(disable_label_sanitization)");
}

/* The server marks series so while it orders them, and clients cannot. */
static void
test_the_mark_of_an_order_is_not_stored(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        limits.sanitization_disabled = i == 0;
        expect_kept("service_name=s __order__=enforced", "service_name=s");
    }
}

/* ---- Labels of samples. ---- */

/* A profile of one sample with these labels, prepared as a series with the label "a_b=own". */
static IngestReason
prepare(char **texts, PreparedProfile *ret_prepared, GError **error)
{
    static const Label OWN[] = {{"__name__", "cpu"}, {"service_name", "s"}, {"a.b", "own"}};
    g_autoptr(GArray) sent = make_labels(texts);
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    PprofFunction function = {.name = pprof_builder_text(builder, "main")};
    PprofLine line = {pprof_builder_function(builder, &function), 1};
    PprofLocation location = {.lines = &line, .n_lines = 1};
    uint32_t id = pprof_builder_location(builder, &location);
    g_autofree PprofLabel *labels = g_new0(PprofLabel, sent->len);
    for (guint i = 0; i < sent->len; i++) {
        const Label *label = &g_array_index(sent, Label, i);
        labels[i] = (PprofLabel){.key = pprof_builder_text(builder, label->name),
                                 .str = pprof_builder_text(builder, label->value)};
    }
    PprofSample sample = {.locations = &id,
                          .n_locations = 1,
                          .values = (int64_t[]){1},
                          .labels = labels,
                          .n_labels = sent->len};
    pprof_builder_sample(builder, &sample);
    g_autoptr(GByteArray) profile = pprof_builder_finish(builder);
    IngestProfile from = {.labels = OWN,
                          .n_labels = G_N_ELEMENTS(OWN),
                          .profile = profile->data,
                          .profile_size = profile->len};
    PrepareContext context = {
        .limits = &limits, .now_ns = 1, .arena = arena, .body_left = 1024 * 1024};
    return prepare_profile(&context, &from, ret_prepared, error);
}

/* The labels of the only row, without the types. */
static void
expect_row(const char *sent, const char *wanted)
{
    g_auto(GStrv) texts = g_strsplit(sent, " ", -1);
    g_autoptr(GError) error = NULL;
    PreparedProfile prepared;
    IngestReason reason = prepare(texts, &prepared, &error);
    assert_no_error(error);
    assert_int_equal(reason, REASON_NONE);
    assert_int_equal(prepared.n_rows, 1);
    const Labels *labels = prepared.rows[0].labels;
    g_autoptr(GArray) shown = g_array_new(FALSE, FALSE, sizeof(Label));
    for (uint32_t i = 0; i < labels->n_labels; i++) {
        if (!g_str_has_prefix(labels->labels[i].name, "__"))
            g_array_append_val(shown, labels->labels[i]);
    }
    g_autofree char *got = print((const Label *)shown->data, shown->len);
    assert_string_equal(got, wanted);
    prepared_profile_clear(&prepared);
}

static void
test_labels_of_samples_are_rewritten_too(void **state)
{
    (void)state;
    expect_row("thread.name=io", "a_b=own service_name=s thread_name=io");
    expect_row("thread.name=io thread_name=io", "a_b=own service_name=s thread_name=io");
    /* What the series says itself wins, whichever way it is written, and so does the server. */
    expect_row("a.b=other a_b=another __unit.__=x __profile.type__=y", "a_b=own service_name=s");
    limits.sanitization_disabled = true;
    expect_row("a.b=other a_b=another thread.name=io",
               "a.b=own a_b=another service_name=s thread.name=io");
}

static void
test_labels_of_samples_are_refused_too(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *says;
        IngestReason reason;
    } CASES[] = {
        {"thread-name=io", "the name 'thread-name' begins", REASON_INVALID_LABELS},
        {"c.d=1 c_d=2", "has a duplicate label name once dots are '_'", REASON_DUPLICATE_LABELS},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_auto(GStrv) texts = g_strsplit(CASES[i].sent, " ", -1);
        g_autoptr(GError) error = NULL;
        PreparedProfile prepared;
        assert_int_equal(prepare(texts, &prepared, &error), CASES[i].reason);
        assert_error_says(error, CASES[i].says);
        prepared_profile_clear(&prepared);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_are_kept_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dots_are_rewritten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rewritten_names_are_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_that_become_equal_are_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_with_one_name_and_several_values_are_refused,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_characters_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_mark_of_an_order_is_not_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_of_samples_are_rewritten_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_of_samples_are_refused_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
