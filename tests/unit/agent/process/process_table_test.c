/* The process table fed with events as the BPF programs send them. */
#include "agent/process/process_table.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/process/mapping.h"
#include "agent/process/process_private.h"
#include "lib/base/error.h"
#include "tests/harness/check.h"

enum { PID = 4000001, CHILD = 4000002, MM = 11, NEXT_MM = 12 }; /* above the kernel's highest pid */

typedef struct {
    ExecutableCache *cache;
    ProcessTable *table;
    unsigned n_changed, n_gone;
    uint32_t sequence; /* what the BPF side would say of every process */
} Fixture;

static void
on_changed(Process *process, void *data)
{
    (void)process;
    ((Fixture *)data)->n_changed++;
}

static void
on_gone(Process *process, void *data)
{
    assert_true(process->has_exited);
    ((Fixture *)data)->n_gone++;
}

static uint32_t
sequence_of(uint32_t pid, void *data)
{
    (void)pid;
    return ((const Fixture *)data)->sequence;
}

static const ProcessTableOps ops = {on_changed, on_gone, sequence_of};

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->cache = executable_cache_new();
    fixture->table = process_table_new(fixture->cache, &ops, fixture);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    process_table_free(fixture->table);
    executable_cache_free(fixture->cache);
    g_free(fixture);
    return 0;
}

static void
send_process(Fixture *fixture, uint16_t kind, uint32_t pid, uint32_t parent, uint64_t mm,
             uint32_t sequence)
{
    struct event_process event = {.header = {.kind = kind, .pid = pid, .sequence = sequence},
                                  .mm = mm,
                                  .parent = parent,
                                  .namespace_pid = pid,
                                  .comm = "program"};
    process_table_apply(fixture->table, &event.header);
}

static void
send_map(Fixture *fixture, uint16_t kind, uint64_t mm, uint64_t start, uint64_t end,
         uint32_t sequence)
{
    struct event_map event = {.header = {.kind = kind, .pid = PID, .sequence = sequence},
                              .mm = mm,
                              .start = start,
                              .end = end};
    process_table_apply(fixture->table, &event.header);
}

static Process *
make_process(Fixture *fixture)
{
    send_process(fixture, EVENT_EXEC, PID, 0, MM, 1);
    Process *process = process_table_find(fixture->table, PID);
    assert_non_null(process);
    return process;
}

static void
test_mappings_come_and_go(void **state)
{
    Fixture *fixture = *state;
    Process *process = make_process(fixture);
    send_map(fixture, EVENT_MAP, MM, 0x1000, 0x3000, 2);
    assert_non_null(mapping_list_find(process->mappings, 0x2fff));
    send_map(fixture, EVENT_UNMAP, MM, 0x2000, 0x3000, 2);
    assert_non_null(mapping_list_find(process->mappings, 0x1fff));
    assert_null(mapping_list_find(process->mappings, 0x2000));
    assert_int_equal(process_private(process)->sequence, 2);
}

static void
test_exec_takes_the_mappings_announced_before(void **state)
{
    Fixture *fixture = *state;
    Process *process = make_process(fixture);
    send_map(fixture, EVENT_MAP, MM, 0x1000, 0x2000, 2);
    send_map(fixture, EVENT_MAP, NEXT_MM, 0x5000, 0x6000, 3);
    send_map(fixture, EVENT_MAP, NEXT_MM, 0x7000, 0x8000, 4);
    assert_non_null(mapping_list_find(process->mappings, 0x1000));
    assert_null(mapping_list_find(process->mappings, 0x5000));
    send_process(fixture, EVENT_EXEC, PID, 0, NEXT_MM, 5);
    assert_null(mapping_list_find(process->mappings, 0x1000));
    assert_non_null(mapping_list_find(process->mappings, 0x5000));
    assert_non_null(mapping_list_find(process->mappings, 0x7000));
    assert_int_equal(process_private(process)->sequence, 5);
}

static void
test_a_child_has_its_parents_mappings_as_they_were(void **state)
{
    Fixture *fixture = *state;
    make_process(fixture);
    send_map(fixture, EVENT_MAP, MM, 0x1000, 0x2000, 2);
    send_process(fixture, EVENT_FORK, CHILD, PID, NEXT_MM, 2);
    send_map(fixture, EVENT_MAP, MM, 0x9000, 0xa000, 3);
    Process *child = process_table_find(fixture->table, CHILD);
    assert_non_null(child);
    assert_non_null(mapping_list_find(child->mappings, 0x1000));
    assert_null(mapping_list_find(child->mappings, 0x9000));
}

static void
test_an_exited_process_lives_while_referenced(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(Process) process = process_ref(make_process(fixture));
    send_map(fixture, EVENT_MAP, MM, 0x1000, 0x2000, 2);
    send_process(fixture, EVENT_EXIT, PID, 0, 0, 0);
    assert_null(process_table_find(fixture->table, PID));
    assert_int_equal(fixture->n_gone, 1);
    assert_true(process->has_exited);
    assert_non_null(mapping_list_find(process->mappings, 0x1000));
}

static void
test_older_events_than_proc_are_skipped(void **state)
{
    Fixture *fixture = *state;
    Process *process = make_process(fixture);
    process_private(process)->sequence = 10;
    send_map(fixture, EVENT_MAP, MM, 0x1000, 0x2000, 9);
    assert_null(mapping_list_find(process->mappings, 0x1000));
    send_map(fixture, EVENT_MAP, MM, 0x1000, 0x2000, 11);
    assert_non_null(mapping_list_find(process->mappings, 0x1000));
}

static void
test_running_processes_are_read_from_proc(void **state)
{
    Fixture *fixture = *state;
    while (process_table_scan(fixture->table, 3))
        continue;
    Process *self = process_table_find(fixture->table, (uint32_t)getpid());
    assert_non_null(self);
    const Mapping *mapping = mapping_list_find(
        self->mappings, (uint64_t)(uintptr_t)test_older_events_than_proc_are_skipped);
    assert_non_null(mapping);
    assert_non_null(mapping->executable);
    assert_true(g_str_has_suffix(mapping->executable->path, "process_table_test"));
    process_identify(self);
    assert_true(g_str_has_suffix(self->executable_path, "process_table_test"));
    assert_string_equal(self->comm, "process_table_t");
    assert_true(self->start_time_ns > 0);
}

/* The pod of this very process, as it is identified anew. */
static char *
own_pod(void)
{
    g_autoptr(Process) self = process_new((uint32_t)getpid());
    process_identify(self);
    return g_strdup(self->cgroup.pod_uid);
}

/* A cgroup namespace that hides the container it is in from the agent hides no other's. */
static void
test_the_own_pod_is_known_in_a_cgroup_namespace_of_its_own(void **state)
{
    enum { DIFFERS = 1, NOT_PERMITTED = 77 };
    static const char uid[] = "a086e354-3604-462f-8b39-db5906fe9f52";
    (void)state;
    g_setenv("POD_UID", uid, TRUE);
    g_autofree char *outside = own_pod();
    assert_string_not_equal(outside != NULL ? outside : "", uid);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWCGROUP) != 0)
            _exit(NOT_PERMITTED);
        g_autofree char *inside = own_pod();
        _exit(g_strcmp0(inside, uid) == 0 ? 0 : DIFFERS);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    g_unsetenv("POD_UID");
    if (WEXITSTATUS(status) == NOT_PERMITTED)
        skip();
    assert_int_equal(status, 0);
}

/* As where map_files may not be read: no entry of it has this end. */
static void
test_files_are_found_by_their_path_too(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(Process) self = process_table_get(fixture->table, (uint32_t)getpid());
    const Mapping *mapping = mapping_list_find(self->mappings, (uint64_t)(uintptr_t)on_changed);
    ExecutableQuery query = {.pid = (uint32_t)getpid(),
                             .device = 1,
                             .inode = 1,
                             .start = mapping->start,
                             .end = mapping->end + 1};
    g_autoptr(GError) error = NULL;
    g_autoptr(Executable) found = executable_cache_get(fixture->cache, &query, &error);
    assert_null(error);
    assert_ptr_equal(found, mapping->executable);
    query.start++;
    query.inode++;
    assert_null(executable_cache_get(fixture->cache, &query, &error));
    assert_int_equal(error->code, CRESSET_ERROR_NOT_FOUND);
}

static void
test_lost_events_are_made_up_for(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(Process) self = process_table_get(fixture->table, (uint32_t)getpid());
    unsigned before = fixture->n_changed;
    process_table_resync(fixture->table);
    assert_int_equal(fixture->n_changed, before);
    fixture->sequence = 3;
    process_table_resync(fixture->table);
    assert_int_equal(fixture->n_changed, before + 1);
    assert_int_equal(process_private(self)->sequence, 3);
}

static void
test_a_process_that_is_gone_is_not_kept(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(Process) process = process_table_get(fixture->table, PID);
    assert_true(process->has_exited);
    assert_null(process_table_find(fixture->table, PID));
}

/* Between its end and the news of it, /proc shows a process with no mappings. */
static void
test_an_ending_process_keeps_its_mappings(void **state)
{
    Fixture *fixture = *state;
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) < 0);
    }
    close(gate[0]);
    g_autoptr(Process) process = process_table_get(fixture->table, (uint32_t)pid);
    guint n = process->mappings->len;
    assert_true(n > 0);
    close(gate[1]);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    process_table_reread(fixture->table, process);
    assert_int_equal(process->mappings->len, n);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
test_a_sweep_drops_what_nobody_maps(void **state)
{
    Fixture *fixture = *state;
    while (process_table_scan(fixture->table, 100))
        continue;
    guint before = executable_cache_size(fixture->cache);
    assert_true(before > 0);
    process_table_free(fixture->table);
    fixture->table = process_table_new(fixture->cache, &ops, fixture);
    executable_cache_sweep(fixture->cache);
    assert_int_equal(executable_cache_size(fixture->cache), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_mappings_come_and_go),
        TEST(test_exec_takes_the_mappings_announced_before),
        TEST(test_a_child_has_its_parents_mappings_as_they_were),
        TEST(test_an_exited_process_lives_while_referenced),
        TEST(test_older_events_than_proc_are_skipped),
        TEST(test_running_processes_are_read_from_proc),
        TEST(test_the_own_pod_is_known_in_a_cgroup_namespace_of_its_own),
        TEST(test_files_are_found_by_their_path_too),
        TEST(test_lost_events_are_made_up_for),
        TEST(test_a_process_that_is_gone_is_not_kept),
        TEST(test_an_ending_process_keeps_its_mappings),
        TEST(test_a_sweep_drops_what_nobody_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
