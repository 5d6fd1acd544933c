/* Samples real programs and checks their stacks frame by frame. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cresset/event.h"
#include "tests/privileged/collect.h"

enum {
    STACKS = 400, /* of one program */
    ROOT_PER_MILLE = 995,
    MUSL_ROOT_PER_MILLE = 990, /* its functions have no CFI */
};

static Collector *collector;

static const char *
fixture(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", FIXTURES_DIR, name);
    return path;
}

/* Stacks with user frames that were not cut. */
static guint
count_complete(const GPtrArray *stacks)
{
    guint n = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const CollectedStack *stack = stacks->pdata[i];
        if (!stack->is_cut)
            n++;
        else
            collected_print(stack);
    }
    return n;
}

static void
assert_most(const char *what, guint good, guint all, guint per_mille)
{
    printf("%s: %u of %u\n", what, good, all);
    assert_true((uint64_t)good * 1000 >= (uint64_t)all * per_mille);
}

/* Runs a program and takes its stacks. */
static GPtrArray *
sample_program(const char *const *argv, guint n)
{
    pid_t pid = collector_spawn(collector, argv);
    assert_true(pid > 0);
    collector_run(collector, n);
    collector_stop_process(collector, pid);
    GPtrArray *stacks = collector_take(collector);
    assert_true(stacks->len >= n);
    return stacks;
}

/* Of the stacks that have `chain`'s first frame: how many have the whole of it? Nearly all, and
 * there are enough of them. */
static void
assert_chain(const GPtrArray *stacks, const char *const *chain, guint at_least)
{
    guint leaves = 0, whole = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const CollectedStack *stack = stacks->pdata[i];
        if (collected_find(stack, chain[0]) < 0)
            continue;
        leaves++;
        if (collected_has_chain(stack, chain))
            whole++;
        else
            collected_print(stack);
    }
    assert_true(leaves >= at_least);
    assert_most(chain[0], whole, leaves, ROOT_PER_MILLE);
}

static void
check_calls(const char *program, guint per_mille)
{
    static const char *const left[] = {"burn_left", "left", "work", "main", NULL};
    static const char *const right[] = {"burn_right", "middle", "right", "work", "main", NULL};
    g_autoptr(GPtrArray) stacks = sample_program((const char *[]){fixture(program), NULL}, STACKS);
    assert_most(program, count_complete(stacks), stacks->len, per_mille);
    assert_chain(stacks, left, STACKS / 2);
    assert_chain(stacks, right, STACKS / 5);
}

static void
test_calls_without_frame_pointers(void **state)
{
    (void)state;
    check_calls("calls", ROOT_PER_MILLE);
}

static void
test_calls_stripped(void **state)
{
    (void)state;
    collector_set_symbols(collector, fixture("calls_stripped"), fixture("calls"));
    check_calls("calls_stripped", ROOT_PER_MILLE);
}

static void
test_calls_musl(void **state)
{
    (void)state;
    check_calls("calls_musl", MUSL_ROOT_PER_MILLE);
}

static void
test_calls_musl_static(void **state)
{
    (void)state;
    check_calls("calls_musl_static", MUSL_ROOT_PER_MILLE);
}

static void
test_recursion_has_every_frame(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) stacks =
        sample_program((const char *[]){fixture("recursion"), NULL}, STACKS);
    guint right = 0, with_bottom = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const CollectedStack *stack = stacks->pdata[i];
        int bottom = collected_find(stack, "bottom"), main = collected_find(stack, "main");
        if (bottom < 0)
            continue;
        with_bottom++;
        if (main - bottom == 251 && !stack->is_cut)
            right++;
    }
    assert_true(with_bottom >= STACKS * 9 / 10);
    assert_most("250 frames", right, with_bottom, ROOT_PER_MILLE);
}

static void
test_exceptions(void **state)
{
    (void)state;
    static const char *const chain[] = {"_ZNK6Square4areaEm",
                                        "_ZL7guardedRKSt6vectorIP5ShapeSaIS1_EEm", "main", NULL};
    g_autoptr(GPtrArray) stacks =
        sample_program((const char *[]){fixture("exceptions"), NULL}, STACKS);
    assert_most("exceptions", count_complete(stacks), stacks->len, ROOT_PER_MILLE);
    assert_chain(stacks, chain, STACKS / 2);
}

static void
test_signal_on_alternate_stack(void **state)
{
    (void)state;
    static const char *const handler[] = {"burn_in_handler", "on_alarm", NULL};
    g_autoptr(GPtrArray) stacks =
        sample_program((const char *[]){fixture("signals"), NULL}, STACKS);
    assert_most("signals", count_complete(stacks), stacks->len, ROOT_PER_MILLE);
    assert_chain(stacks, handler, STACKS / 10);
    guint above = 0, in_handler = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const CollectedStack *stack = stacks->pdata[i];
        if (collected_find(stack, "on_alarm") < 0)
            continue;
        in_handler++;
        above += collected_find(stack, "main") > collected_find(stack, "on_alarm") + 1;
    }
    assert_most("main below the handler", above, in_handler, ROOT_PER_MILLE);
}

static void
check_go(const char *program)
{
    static const char *const in_main[] = {"main.leaf", "main.caller", "main.main", "runtime.main",
                                          NULL};
    static const char *const in_work[] = {"main.leaf", "main.caller", "main.work", NULL};
    collector_set_symbols(collector, fixture("frameless_stripped"), fixture("frameless"));
    g_autoptr(GPtrArray) stacks = sample_program((const char *[]){fixture(program), NULL}, STACKS);
    assert_most(program, count_complete(stacks), stacks->len, 990);
    guint leaves = 0, whole = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const CollectedStack *stack = stacks->pdata[i];
        if (collected_find(stack, "main.leaf") < 0)
            continue;
        leaves++;
        whole += collected_has_chain(stack, in_main) || collected_has_chain(stack, in_work);
    }
    assert_true(leaves >= STACKS * 3 / 4);
    assert_most("callers of frameless leaves", whole, leaves, 990);
}

static void
test_go(void **state)
{
    (void)state;
    check_go("frameless");
}

static void
test_go_stripped(void **state)
{
    (void)state;
    check_go("frameless_stripped");
}

/* In a stack with plugin_N_…, every plug-in frame must be of the same N and the chain whole. */
static bool
is_plugin_stack_right(const CollectedStack *stack, char number)
{
    char burn[24], middle[24];
    snprintf(burn, sizeof burn, "plugin_%c_burn", number);
    snprintf(middle, sizeof middle, "plugin_%c_middle", number);
    const char *const chain[] = {burn, middle, "plugin_run", "run_plugin", "main", NULL};
    return collected_has_chain(stack, chain) && !stack->is_cut;
}

static void
test_plugins_at_reused_addresses(void **state)
{
    (void)state;
    const char *argv[10] = {fixture("plugin_host")};
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < 8; i++) {
        g_ptr_array_add(paths, g_strdup_printf("%s/plugin%d.so", FIXTURES_DIR, i));
        argv[i + 1] = paths->pdata[i];
    }
    g_autoptr(GPtrArray) stacks = sample_program(argv, 2 * STACKS);
    guint seen[8] = {0}, leaves = 0, right = 0, wrong_leaf = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const CollectedStack *stack = stacks->pdata[i];
        const char *leaf = stack->names->len > 0 ? stack->names->pdata[0] : "";
        if (!g_str_has_prefix(leaf, "plugin_") || !g_str_has_suffix(leaf, "_burn"))
            continue;
        leaves++;
        seen[(leaf[strlen("plugin_")] - '0') & 7]++;
        if (is_plugin_stack_right(stack, leaf[strlen("plugin_")]))
            right++;
        else
            collected_print(stack);
    }
    wrong_leaf = stacks->len - leaves;
    printf("plug-ins: %u samples elsewhere\n", wrong_leaf);
    for (int i = 0; i < 8; i++)
        assert_true(seen[i] >= STACKS / 16);
    assert_most("plug-in stacks", right, leaves, ROOT_PER_MILLE);
}

/* A copy of a program with a byte more: a file that nobody has seen. */
static char *
fresh_copy(const char *path, unsigned number)
{
    g_autofree char *content = NULL;
    gsize length;
    char *copy = g_strdup_printf("%s.fresh%u.%d", path, number, (int)getpid());
    assert_true(g_file_get_contents(path, &content, &length, NULL));
    assert_true(g_file_set_contents(copy, content, (gssize)length, NULL));
    assert_int_equal(chmod(copy, 0755), 0);
    return copy;
}

static void
test_brief_process_of_unknown_file(void **state)
{
    (void)state;
    uint64_t cpu_ns = 0, sampled_ns = 0;
    guint complete = 0, all = 0;
    for (unsigned i = 0; i < 8; i++) {
        g_autofree char *copy = fresh_copy(fixture("calls"), i);
        pid_t pid = collector_spawn(collector, (const char *[]){copy, "0.3", NULL});
        assert_true(pid > 0);
        cpu_ns += collector_await_process(collector, pid);
        unlink(copy);
        collector_settle(collector);
        g_autoptr(GPtrArray) stacks = collector_take(collector);
        all += stacks->len;
        complete += count_complete(stacks);
        for (guint j = 0; j < stacks->len; j++)
            sampled_ns += ((const CollectedStack *)stacks->pdata[j])->period_ns;
    }
    printf("300 ms processes: %.3f s of %.3f s sampled\n", (double)sampled_ns / 1e9,
           (double)cpu_ns / 1e9);
    /* Interrupts and stolen time count differently for the sampler and the process: this finds
     * whole phases that are missing. That no single sample is, test_nothing_is_lost shows. */
    assert_true(sampled_ns * 100 >= cpu_ns * 85);
    assert_true(sampled_ns * 100 <= cpu_ns * 130);
    assert_most("stacks of 300 ms processes", complete, all, 990);
}

/* Starts `n` processes, each of a file of its own that nobody has seen. */
static void
spawn_unknown(guint n, pid_t *ret_pids)
{
    g_autoptr(GPtrArray) copies = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < n; i++)
        g_ptr_array_add(copies, fresh_copy(fixture("calls"), i));
    for (guint i = 0; i < n; i++) {
        ret_pids[i] = collector_spawn(collector, (const char *[]){copies->pdata[i], "0.1", NULL});
        assert_true(ret_pids[i] > 0);
        unlink(copies->pdata[i]);
        while (g_main_context_iteration(NULL, FALSE))
            continue; /* the sampler goes on meanwhile */
    }
}

/* A hundred files to learn at once, on a machine that is busy with running them: what is known
 * already is sampled whole all the while, and nearly all of the new is. */
static void
test_many_unknown_processes_at_once(void **state)
{
    (void)state;
    enum { N = 100 };
    pid_t known = collector_spawn(collector, (const char *[]){fixture("calls"), NULL}), pids[N];
    assert_true(known > 0);
    collector_run(collector, STACKS / 10);
    g_ptr_array_unref(collector_take(collector));
    spawn_unknown(N, pids);
    for (guint i = 0; i < N; i++)
        collector_await_process(collector, pids[i]);
    collector_stop_process(collector, known);
    collector_settle(collector);
    g_autoptr(GPtrArray) stacks = collector_take(collector), of_known = g_ptr_array_new();
    guint cut = 0;
    for (guint i = 0; i < stacks->len; i++) {
        const CollectedStack *stack = stacks->pdata[i];
        if (stack->pid == (uint32_t)known)
            g_ptr_array_add(of_known, stacks->pdata[i]);
        else
            cut += stack->is_cut;
    }
    assert_true(of_known->len > 0);
    assert_true(stacks->len - of_known->len >= N);
    assert_most("stacks of the known process", count_complete(of_known), of_known->len,
                ROOT_PER_MILLE);
    assert_most("stacks of a hundred unknown files", stacks->len - of_known->len - cut,
                stacks->len - of_known->len, 990);
}

static void
test_own_pid_and_mount_namespace(void **state)
{
    (void)state;
    static const char *const left[] = {"burn_left", "left", "work", "main", NULL};
    g_autofree char *script = g_strdup_printf(
        "mount -t tmpfs none /mnt && cp %s /mnt/nscalls && exec /mnt/nscalls", fixture("calls"));
    collector_want_comm(collector, "nscalls");
    pid_t pid = collector_spawn(
        collector, (const char *[]){"/usr/bin/unshare", "--pid", "--mount", "--fork",
                                    "--kill-child", "--mount-proc", "sh", "-c", script, NULL});
    assert_true(pid > 0);
    collector_run(collector, STACKS);
    collector_stop_process(collector, pid);
    g_autoptr(GPtrArray) stacks = collector_take(collector);
    guint named = 0;
    for (guint i = 0; i < stacks->len; i++)
        named += ((const CollectedStack *)stacks->pdata[i])->namespace_pid == 1;
    assert_true(named >= STACKS * 9 / 10);
    assert_most("namespaces", count_complete(stacks), stacks->len, ROOT_PER_MILLE);
    assert_chain(stacks, left, STACKS / 3);
}

static void
test_nothing_is_lost(void **state)
{
    (void)state;
    SamplerCounts counts;
    sampler_stop(collector_sampler(collector));
    sampler_get_counts(collector_sampler(collector), &counts);
    printf("%" G_GUINT64_FORMAT " samples taken, %" G_GUINT64_FORMAT " handed over\n", counts.taken,
           counts.samples);
    printf("maps %" G_GUINT64_FORMAT " bytes, tables %" G_GUINT64_FORMAT " bytes, %u executables\n",
           counts.map_bytes, counts.table_bytes, counts.executables);
    g_autoptr(GString) metrics = g_string_new(NULL);
    sampler_write_metrics(collector_sampler(collector), metrics);
    assert_non_null(strstr(metrics->str, "variant_info{loop=\"bpf_loop\",mappings=\""));
    assert_int_equal(counts.lost_records, 0);
    assert_true(counts.taken > 1000);
    assert_true(counts.samples == counts.taken);
}

static int
start(const SamplerConfig *config)
{
    g_autoptr(GError) error = NULL;
    collector = collector_new(config, &error);
    if (collector == NULL)
        fprintf(stderr, "%s\n", error->message);
    return collector != NULL ? 0 : -1;
}

static int
start_loop(void **state)
{
    (void)state;
    return start(&(SamplerConfig){.rate_hz = 197, .variant = SAMPLER_VARIANT_LOOP});
}

static int
start_tail_call(void **state)
{
    (void)state;
    return start(&(SamplerConfig){.rate_hz = 197, .variant = SAMPLER_VARIANT_TAIL_CALL});
}

static int
start_without_map_events(void **state)
{
    (void)state;
    return start(&(SamplerConfig){.rate_hz = 197, .without_map_events = true});
}

static int
stop(void **state)
{
    (void)state;
    collector_free(collector);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest by_loop[] = {
        cmocka_unit_test(test_calls_without_frame_pointers),
        cmocka_unit_test(test_calls_stripped),
        cmocka_unit_test(test_calls_musl),
        cmocka_unit_test(test_calls_musl_static),
        cmocka_unit_test(test_recursion_has_every_frame),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_signal_on_alternate_stack),
        cmocka_unit_test(test_go),
        cmocka_unit_test(test_go_stripped),
        cmocka_unit_test(test_plugins_at_reused_addresses),
        cmocka_unit_test(test_brief_process_of_unknown_file),
        cmocka_unit_test(test_many_unknown_processes_at_once),
        cmocka_unit_test(test_own_pid_and_mount_namespace),
        cmocka_unit_test(test_nothing_is_lost),
    };
    const struct CMUnitTest by_tail_call[] = {
        cmocka_unit_test(test_calls_without_frame_pointers),
        cmocka_unit_test(test_recursion_has_every_frame),
    };
    const struct CMUnitTest without_map_events[] = {
        cmocka_unit_test(test_calls_without_frame_pointers),
        cmocka_unit_test(test_exceptions),
    };
    g_autoptr(GString) missing = g_string_new(NULL);
    if (!sampler_probe(missing)) {
        printf("skipped: %s", missing->str);
        return 77;
    }
    int failed = cmocka_run_group_tests_name("bpf_loop", by_loop, start_loop, stop);
    failed += cmocka_run_group_tests_name("tail calls", by_tail_call, start_tail_call, stop);
    return failed + cmocka_run_group_tests_name("without map events", without_map_events,
                                                start_without_map_events, stop);
}
