/* Unwinds stacks of real processes from copies of their registers and stacks, and compares the
 * frames with the call trees that the programs are known to have. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/unwind/remote_stack.h"
#include "lib/symbol/elf_file.h"
#include "lib/symbol/gopclntab.h"

#define FIXTURES   CRESSET_BINARY_DIR "/tests/fixtures/"
#define FRAMES_MAX 512

typedef struct {
    pid_t pid;
    GArray *mappings; /* Mapping */
    GPtrArray *elves; /* ElfFile; NULL for anonymous memory */
    uint8_t *stack;
    RemoteStack copy;
    uint64_t frames[FRAMES_MAX];
    size_t n_frames;
} Subject;

/* Starts the program under ptrace; it runs until it stops itself, or is stopped right away when
 * `wait_for_stop` is false. */
static pid_t
start(const char *path, const char *argument, const char *argument2)
{
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDOUT_FILENO);
        execl(path, path, argument, argument2, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

/* Lets it run until it gets SIGSTOP; other signals are delivered. */
static void
run_until_stop(pid_t pid)
{
    int status, deliver = 0;
    do {
        assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)deliver), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status));
        deliver = WSTOPSIG(status);
    } while (deliver != SIGSTOP);
}

static void
add_mapping(Subject *subject, uint64_t start_address, uint64_t end, uint64_t offset,
            const char *path)
{
    static uint64_t next_id = 1;
    Mapping mapping = {.start = start_address, .end = end};
    ElfFile *elf = NULL;
    int fd = path[0] == '/' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (strcmp(path, "[vdso]") == 0)
        elf = elf_file_open_vdso(NULL);
    else if (fd >= 0)
        elf = elf_file_open(fd, NULL);
    uint64_t address;
    if (elf != NULL && elf_file_offset_to_address(elf, offset, PF_X, &address)) {
        mapping.executable = g_new0(Executable, 1);
        *mapping.executable = (Executable){.id = next_id++, .fd = fd};
        mapping.bias = start_address - address;
    }
    g_array_append_val(subject->mappings, mapping);
    g_ptr_array_add(subject->elves, elf);
}

static void
read_mappings(Subject *subject)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/maps", subject->pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char line[4096], name[2048], flags[8];
    unsigned long start_address, end, offset;
    while (fgets(line, sizeof(line), file) != NULL) {
        name[0] = '\0';
        if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %2047s", &start_address, &end, flags, &offset,
                   name) >= 4 &&
            flags[2] == 'x' && strcmp(name, "[vsyscall]") != 0)
            add_mapping(subject, start_address, end, offset, name);
    }
    fclose(file);
}

static void
copy_state(Subject *subject, size_t max_stack)
{
    struct user_regs_struct r;
    assert_int_equal(ptrace(PTRACE_GETREGS, subject->pid, NULL, &r), 0);
    const uint64_t registers[UNWIND_REGISTERS] = {r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi,
                                                  r.rbp, r.rsp, r.r8,  r.r9,  r.r10, r.r11,
                                                  r.r12, r.r13, r.r14, r.r15, r.rip};
    memcpy(subject->copy.registers, registers, sizeof(registers));
    subject->stack = g_malloc0(max_stack);
    size_t n = 0;
    while (n < max_stack) { /* by pages, up to the end of the stack */
        size_t step = MIN(4096 - (r.rsp + n) % 4096, max_stack - n);
        struct iovec local = {subject->stack + n, step};
        struct iovec remote = {(void *)(r.rsp + n), step};
        if (process_vm_readv(subject->pid, &local, 1, &remote, 1, 0) != (ssize_t)step)
            break;
        n += step;
    }
    assert_true(n > 0);
    subject->copy.stack_address = r.rsp;
    subject->copy.stack = subject->stack;
    subject->copy.stack_size = n;
}

static enum unwind_stop
unwind(Subject *subject, size_t max_frames)
{
    subject->copy.mappings = (const Mapping *)subject->mappings->data;
    subject->copy.n_mappings = subject->mappings->len;
    g_autoptr(RemoteUnwinder) unwinder = remote_unwinder_new();
    return remote_unwinder_run(unwinder, &subject->copy, subject->frames, max_frames,
                               &subject->n_frames);
}

static Subject
subject_new(const char *path, const char *argument, const char *argument2)
{
    return (Subject){.pid = start(path, argument, argument2),
                     .mappings = g_array_new(FALSE, FALSE, sizeof(Mapping)),
                     .elves = g_ptr_array_new_with_free_func((GDestroyNotify)elf_file_free)};
}

static void
subject_clear(Subject *subject)
{
    kill(subject->pid, SIGKILL);
    waitpid(subject->pid, NULL, 0);
    for (guint i = 0; i < subject->mappings->len; i++) {
        Executable *executable = g_array_index(subject->mappings, Mapping, i).executable;
        if (executable != NULL && executable->fd >= 0)
            close(executable->fd);
        g_free(executable);
    }
    g_ptr_array_remove_range(subject->elves, 0, 0);
    for (guint i = 0; i < subject->elves->len; i++)
        elf_file_free(g_steal_pointer(&subject->elves->pdata[i]));
    g_ptr_array_set_free_func(subject->elves, NULL);
    g_ptr_array_free(subject->elves, TRUE);
    g_array_free(subject->mappings, TRUE);
    g_free(subject->stack);
}

/* The symbol of the main program that holds the frame, or "". */
static char *
frame_name(const Subject *subject, uint64_t frame)
{
    const Mapping *mapping = &g_array_index(subject->mappings, Mapping, 0);
    ElfFile *elf = g_ptr_array_index(subject->elves, 0);
    uint64_t pc = (frame & ~SAMPLE_EXACT) - (frame & SAMPLE_EXACT ? 0 : 1);
    const ElfSection *section = elf_file_find_section(elf, ".symtab");
    if (pc < mapping->start || pc >= mapping->end || section == NULL)
        return g_strdup("");
    g_autoptr(GBytes) symbols = elf_file_read_section(elf, section, 1 << 24, NULL);
    g_autoptr(GBytes) names =
        elf_file_read_section(elf, elf_file_section(elf, section->link), 1 << 24, NULL);
    gsize size;
    const Elf64_Sym *symbol = g_bytes_get_data(symbols, &size);
    for (size_t i = 0; i < size / sizeof(*symbol); i++)
        if (ELF64_ST_TYPE(symbol[i].st_info) == STT_FUNC &&
            pc - mapping->bias - symbol[i].st_value < symbol[i].st_size)
            return g_strdup((const char *)g_bytes_get_data(names, NULL) + symbol[i].st_name);
    return g_strdup("");
}

/* The names of the main program's frames, the leaf first, separated by spaces. */
static char *
describe(const Subject *subject)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < subject->n_frames; i++) {
        g_autofree char *name = frame_name(subject, subject->frames[i]);
        if (name[0] != '\0')
            g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", name);
    }
    return g_string_free(text, FALSE);
}

static void
check_shape(const char *path, const char *shape, const char *expected)
{
    Subject subject = subject_new(path, shape, NULL);
    run_until_stop(subject.pid);
    read_mappings(&subject);
    copy_state(&subject, 256 * 1024);
    enum unwind_stop stop = unwind(&subject, FRAMES_MAX);
    g_autofree char *names = describe(&subject);
    assert_string_equal(names, expected);
    assert_int_equal(stop, UNWIND_STOP_ROOT);
    assert_true(subject.frames[0] & SAMPLE_EXACT);
    assert_false(subject.frames[1] & SAMPLE_EXACT);
    subject_clear(&subject);
}

static char *
plain_frames(int depth, const char *rest)
{
    GString *text = g_string_new("stop_here");
    for (int i = 0; i <= depth; i++)
        g_string_append(text, " plain");
    g_string_append_printf(text, " %s", rest);
    return g_string_free(text, FALSE);
}

static void
check_shapes(const char *path, const char *root)
{
    static const struct {
        const char *shape;
        int depth;
        const char *above;
    } CASES[] = {
        {"plain", 20, ""},
        {"deep", 250, ""},
        {"aligned", 3, "aligned "},
        {"dynamic", 3, "dynamic "},
        {"last_call", 3, "last_call "},
        {"callback", 1, "compare "},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        g_autofree char *rest = g_strconcat(CASES[i].above, root, NULL);
        g_autofree char *expected = plain_frames(CASES[i].depth, rest);
        check_shape(path, CASES[i].shape, expected);
    }
}

static void
test_shapes(void **state)
{
    (void)state;
    check_shapes(FIXTURES "stack_fixture", "main _start");
}

/* musl has no CFI: between main and the root, and between qsort and its callback, lies its code. */
static void
test_musl(void **state)
{
    (void)state;
    if (access(FIXTURES "stack_fixture_musl", X_OK) != 0) {
        print_message("musl-gcc was not found when this was built\n");
        skip();
    }
    check_shapes(FIXTURES "stack_fixture_musl", "main");
}

/* The handler runs on another stack: what was interrupted lies outside of the copy. */
static void
test_signal_on_alternate_stack(void **state)
{
    (void)state;
    Subject subject = subject_new(FIXTURES "stack_fixture", "signal", NULL);
    run_until_stop(subject.pid);
    read_mappings(&subject);
    copy_state(&subject, 256 * 1024);
    enum unwind_stop stop = unwind(&subject, FRAMES_MAX);
    g_autofree char *names = describe(&subject);
    assert_string_equal(names, "stop_here plain plain plain on_signal interrupted");
    assert_true(subject.frames[subject.n_frames - 1] & SAMPLE_EXACT);
    assert_true(stop == UNWIND_STOP_MEMORY || stop == UNWIND_STOP_COPY_LIMIT);
    subject_clear(&subject);
}

static void
test_limits(void **state)
{
    (void)state;
    Subject subject = subject_new(FIXTURES "stack_fixture", "deep", NULL);
    run_until_stop(subject.pid);
    read_mappings(&subject);
    copy_state(&subject, 256 * 1024);
    assert_int_equal(unwind(&subject, 10), UNWIND_STOP_DEPTH);
    assert_int_equal(subject.n_frames, 10);
    subject.copy.stack_size = 1024;
    assert_int_equal(unwind(&subject, FRAMES_MAX), UNWIND_STOP_COPY_LIMIT);
    assert_true(subject.n_frames > 5);
    subject.copy.registers[UNWIND_RIP] = 4;
    assert_int_equal(unwind(&subject, FRAMES_MAX), UNWIND_STOP_NO_MAPPING);
    assert_int_equal(subject.n_frames, 1);
    subject_clear(&subject);
}

/* Waits until the process has used that much more CPU time; its signals (Go preempts goroutines by
 * them) are delivered meanwhile. */
static void
use_processor(pid_t pid, int64_t ns)
{
    clockid_t clock;
    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    struct timespec first, now;
    clock_gettime(clock, &first);
    do {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid) {
            assert_true(WIFSTOPPED(status));
            ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)WSTOPSIG(status));
        }
        sched_yield();
        clock_gettime(clock, &now);
    } while ((now.tv_sec - first.tv_sec) * 1000000000 + now.tv_nsec - first.tv_nsec < ns);
}

/* Go has no .eh_frame: our tables take over. The program is stopped wherever it happens to be. */
static void
test_go(void **state)
{
    (void)state;
    if (access(FIXTURES "go_stripped", X_OK) != 0) {
        print_message("the go tool was not found when this was built\n");
        skip();
    }
    Subject subject = subject_new(FIXTURES "go_stripped", "spin", "60");
    read_mappings(&subject);
    ElfFile *elf = g_ptr_array_index(subject.elves, 0);
    g_autoptr(Gopclntab) pclntab = gopclntab_open(elf, NULL);
    assert_non_null(pclntab);
    size_t n_leaf = 0;
    for (int i = 0; i < 200 && n_leaf < 3; i++) {
        assert_int_equal(ptrace(PTRACE_CONT, subject.pid, NULL, NULL), 0);
        use_processor(subject.pid, 2000000);
        /* To the traced thread alone: a stop of the process would hold its other threads for ever.
         */
        assert_int_equal(syscall(SYS_tgkill, subject.pid, subject.pid, SIGSTOP), 0);
        int status;
        do {
            assert_int_equal(waitpid(subject.pid, &status, 0), subject.pid);
            if (WSTOPSIG(status) != SIGSTOP)
                ptrace(PTRACE_CONT, subject.pid, NULL, (void *)(intptr_t)WSTOPSIG(status));
        } while (WSTOPSIG(status) != SIGSTOP);
        g_clear_pointer(&subject.stack, g_free);
        copy_state(&subject, 64 * 1024);
        enum unwind_stop stop = unwind(&subject, FRAMES_MAX);
        SymbolLine line;
        uint64_t bias = g_array_index(subject.mappings, Mapping, 0).bias;
        if (gopclntab_lines(pclntab, (subject.frames[0] & ~SAMPLE_EXACT) - bias, &line, 1) == 0 ||
            strcmp(line.name, "main.leaf") != 0)
            continue;
        n_leaf++;
        assert_int_equal(stop, UNWIND_STOP_ROOT);
        static const char *const EXPECTED[] = {"main.leaf", "main.inlined", "main.spin",
                                               "main.main", "runtime.main", "runtime.goexit"};
        assert_int_equal(subject.n_frames, G_N_ELEMENTS(EXPECTED));
        for (size_t j = 1; j < G_N_ELEMENTS(EXPECTED); j++) {
            assert_int_equal(gopclntab_lines(pclntab, subject.frames[j] - 1 - bias, &line, 1), 1);
            assert_string_equal(line.name, EXPECTED[j]);
        }
    }
    assert_true(n_leaf > 0);
    subject_clear(&subject);
}

int
main(void)
{
    pid_t probe = fork();
    if (probe == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    int status;
    if (waitpid(probe, &status, 0) != probe || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        printf("skipped: ptrace is not permitted here\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_musl),
                                       cmocka_unit_test(test_signal_on_alternate_stack),
                                       cmocka_unit_test(test_limits), cmocka_unit_test(test_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
