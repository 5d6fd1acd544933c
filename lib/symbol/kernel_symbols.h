/* Names of kernel functions, modules and BPF programs included, from /proc/kallsyms.
 *
 * Addresses are kept as 32-bit offsets and names as compressed blocks: about 1 MB for 120,000
 * symbols whose names alone are 3 MB. Not thread-safe (a look-up unpacks a block). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct KernelSymbols KernelSymbols;

/* Reads /proc/kallsyms. PERMISSION_DENIED when the kernel hides the addresses: that takes
 * CAP_SYSLOG and kernel.kptr_restrict below 2. */
KernelSymbols *kernel_symbols_new(GError **error);
/* The same from text in that format; for tests and fuzzing. */
KernelSymbols *kernel_symbols_new_text(const char *text, size_t size, GError **error);
void kernel_symbols_free(KernelSymbols *symbols);

/* Finds the function that holds `address`. *ret_module is the module's name, "bpf" for a BPF
 * program, or "" for the kernel itself. Both strings live until the next call. */
bool kernel_symbols_find(KernelSymbols *symbols, uint64_t address, const char **ret_name,
                         const char **ret_module);

/* True when modules have been loaded or unloaded since the symbols were read. */
bool kernel_symbols_is_stale(const KernelSymbols *symbols);

size_t kernel_symbols_count(const KernelSymbols *symbols);
/* Memory held. */
size_t kernel_symbols_bytes(const KernelSymbols *symbols);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KernelSymbols, kernel_symbols_free)
