#include "tests/unit/analyzers/state/story.h"

#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

Story story;

static void
find_receivers(const void *data, const Incident *incident, GPtrArray *receivers)
{
    (void)data;
    if (incident->object != NULL && incident->object->kind != KIND_NONE)
        assert_string_equal(incident->ns, "shop");
    if (story.are_none)
        return;
    g_ptr_array_add(receivers, (gpointer) "ops");
    if (story.are_two)
        g_ptr_array_add(receivers, (gpointer) "pay");
}

static int64_t
find_due(const void *data, const Incident *incident, const char *receiver, int64_t at_s)
{
    (void)data;
    bool is_held = strcmp(receiver, "ops") == 0 && incident->severity < SEVERITY_HIGH;
    return at_s + (is_held ? story.hold_s : 0);
}

static const Routing routing = {.find = find_receivers, .due = find_due};

void
story_reopen(void)
{
    g_autofree char *notice = NULL;
    g_autoptr(GError) error = NULL;
    state_close(story.state);
    story.state = state_open(story.path, &notice, &error);
    assert_null(error);
    assert_null(notice);
}

/* One run over a cluster, so many seconds later; `failed` is a kind that cannot be listed. */
void
story_run_failing(const char *yaml, int64_t later_s, Kind failed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(snapshot));
    story.now_s += later_s;
    value_reader_begin(reader, VALUE_YAML);
    assert_true(value_reader_feed(reader, yaml, strlen(yaml), NULL));
    const Value *documents = value_reader_end(reader, NULL);
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        snapshot_set_list(snapshot, (Kind)kind, (Kind)kind == failed ? LIST_FAILED : LIST_READ,
                          "403");
    const Value *one = documents->type == VALUE_MAP ? documents : documents->first;
    for (; one != NULL; one = one->next) {
        Kind kind = kind_of("", value_text(one, "kind"));
        snapshot_add(snapshot, kind, one);
    }
    snapshot_finish(snapshot);
    const CheckOptions options = {.now_s = story.now_s, .cluster = "test"};
    g_autoptr(Findings) findings = check_all(snapshot, &options);
    for (guint i = 0; story.severity != SEVERITY_INFO && i < findings->all->len; i++)
        ((Finding *)findings->all->pdata[i])->severity = story.severity;
    for (guint i = 0; story.note != NULL && i < findings->all->len; i++)
        finding_note(findings->all->pdata[i], "%s", story.note);
    if (story.are_folded)
        findings->n_roots = 0;
    if (!state_update(story.state, findings, snapshot, &routing, story.now_s, &error))
        fail_msg("%s", error->message);
}

void
story_run(const char *yaml, int64_t later_s)
{
    story_run_failing(yaml, later_s, KIND_NONE);
}

/* Takes what a receiver is to be told; "new web, resolved pay" in any order of arrival. */
static char *
told_to(const char *receiver)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = state_outbox(story.state, receiver, story.now_s, &error);
    assert_null(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < changes->len; i++) {
        const Change *change = changes->pdata[i];
        g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "", change_name(change->type),
                               change->name);
    }
    assert_true(state_delivered(story.state, receiver, changes, NULL));
    return g_string_free(text, FALSE);
}

void
story_expect_told(const char *wanted)
{
    g_autofree char *got = told_to("ops");
    assert_string_equal(got, wanted);
}

void
story_expect_told_to(const char *receiver, const char *wanted)
{
    g_autofree char *got = told_to(receiver);
    assert_string_equal(got, wanted);
}

int
story_begin(void **unused)
{
    (void)unused;
    story.dir = temp_dir_new();
    story.path = temp_dir_file(story.dir, "state.sqlite");
    story.now_s = TEST_NOW_S;
    story.severity = SEVERITY_INFO;
    story.are_folded = story.are_two = story.are_none = false;
    story.hold_s = 0;
    story_reopen();
    return 0;
}

int
story_end(void **unused)
{
    (void)unused;
    state_close(g_steal_pointer(&story.state));
    g_free(story.path);
    temp_dir_free(story.dir);
    return 0;
}
