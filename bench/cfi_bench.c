/* Unwind tables: time per table and per row, decoding alone against libdw's in the same run, and
 * the memory that one build adds. */
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/unwind/cfi.h"
#include "agent/unwind/table.h"

enum { PASSES = 5, SECTION_BYTES_MAX = 256 << 20 };

static double
now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void
print_row(const char *file, const char *metric, double value, const char *unit, const char *goal)
{
    printf(
        "{\"bench\":\"cfi\",\"metric\":\"%s %s\",\"value\":%.2f,\"unit\":\"%s\",\"goal\":\"%s\"}\n",
        file, metric, value, unit, goal);
}

static bool
count_row(void *data, uint64_t address, const struct unwind_rule *rule)
{
    (void)address;
    (void)rule;
    ++*(size_t *)data;
    return true;
}

static size_t
decode(const CfiSection *section)
{
    g_autoptr(CfiReader) reader = cfi_reader_new(section);
    CfiEntry entry;
    size_t n_rows = 0;
    for (uint64_t offset = 0; cfi_reader_next(reader, &offset, &entry);)
        cfi_entry_rows(&entry, count_row, &n_rows);
    return n_rows;
}

/* The same functions, row by row. */
static size_t
decode_libdw(int fd, const CfiSection *section)
{
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
    g_autoptr(CfiReader) reader = cfi_reader_new(section);
    CfiEntry entry;
    size_t n_rows = 0;
    for (uint64_t offset = 0; cfi_reader_next(reader, &offset, &entry);) {
        for (uint64_t pc = entry.start; pc < entry.end;) {
            Dwarf_Frame *frame;
            Dwarf_Addr start, end;
            bool is_signal;
            if (dwarf_cfi_addrframe(cfi, pc, &frame) != 0)
                break;
            dwarf_frame_info(frame, &start, &end, &is_signal);
            free(frame);
            n_rows++;
            pc = MAX(end, pc + 1);
        }
    }
    dwarf_cfi_end(cfi);
    elf_end(elf);
    return n_rows;
}

static UnwindTable *
build(int fd, UnwindRules *rules)
{
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    return unwind_table_new(elf, rules, NULL, NULL);
}

/* KiB that building adds to the peak resident size of a process of its own. */
static long
build_peak_kib(int fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rusage before, after;
        getrusage(RUSAGE_SELF, &before);
        g_autoptr(UnwindRules) rules = unwind_rules_new();
        g_autoptr(UnwindTable) table = build(fd, rules);
        getrusage(RUSAGE_SELF, &after);
        long kib = after.ru_maxrss - before.ru_maxrss;
        _exit((int)MIN(kib / 256, 254)); /* in 1/4 MiB */
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) * 256L : -1;
}

static double
best_ms(double *values)
{
    double best = values[0];
    for (int i = 1; i < PASSES; i++)
        best = MIN(best, values[i]);
    return best;
}

static void
bench_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    g_autofree char *name = g_path_get_basename(path);
    long peak_kib = build_peak_kib(fd); /* before this process has grown */
    g_autoptr(UnwindRules) rules = unwind_rules_new();
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    CfiSection section;
    g_autoptr(GBytes) bytes = cfi_section_read(elf, false, SECTION_BYTES_MAX, &section, NULL);
    double own[PASSES], libdw[PASSES], table_ms[PASSES];
    size_t n_rows = 0, n_table_rows = 0;
    for (int i = 0; i < PASSES; i++) {
        double start = now_ms();
        n_rows = decode(&section);
        own[i] = now_ms() - start;
        start = now_ms();
        decode_libdw(fd, &section);
        libdw[i] = now_ms() - start;
        start = now_ms();
        g_autoptr(UnwindTable) table = build(fd, rules);
        table_ms[i] = now_ms() - start;
        n_table_rows = table->n_rows;
    }
    print_row(name, "rows", (double)n_rows, "rows", "");
    print_row(name, "table", best_ms(table_ms), "ms", "");
    print_row(name, "table per row", best_ms(table_ms) * 1e6 / (double)n_rows, "ns", "<= 50");
    print_row(name, "decode per row", best_ms(own) * 1e6 / (double)n_rows, "ns", "");
    print_row(name, "libdw decode / own", best_ms(libdw) / best_ms(own), "x", "");
    print_row(name, "table size per row", 4.0 * (double)n_table_rows / (double)n_rows, "bytes",
              "<= 4");
    print_row(name, "peak memory of a build", (double)peak_kib / 1024, "MiB", "<= 10");
    close(fd);
}

int
main(void)
{
    elf_version(EV_CURRENT);
    setvbuf(stdout, NULL, _IONBF, 0);
    bench_file("/lib/x86_64-linux-gnu/libc.so.6");
    bench_file("/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1");
    return 0;
}
