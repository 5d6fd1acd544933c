#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/sample/sampler_private.h"

/* Capability numbers, linux/capability.h. */
typedef struct {
    int number;
    const char *name, *without;
    bool is_vital;
} Capability;

static const Capability capabilities[] = {
    {39, "CAP_BPF", "no BPF program can be loaded", true},
    {38, "CAP_PERFMON", "no CPU clock can be opened and no tracepoint attached", true},
    {19, "CAP_SYS_PTRACE", "the mappings of other users' processes cannot be read", false},
    {40, "CAP_CHECKPOINT_RESTORE",
     "files that were deleted or lie in other mount namespaces may not be found", false},
    {2, "CAP_DAC_READ_SEARCH", "files in containers may be unreadable", false},
    {34, "CAP_SYSLOG", "kernel symbols may be hidden", false},
};
enum { CAP_SYS_ADMIN_NUMBER = 21 }; /* stands for the first two and the fourth */

static uint64_t
effective_capabilities(void)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
        return UINT64_MAX;
    const char *line = strstr(text, "\nCapEff:");
    return line != NULL ? g_ascii_strtoull(line + strlen("\nCapEff:\t"), NULL, 16) : UINT64_MAX;
}

static bool
is_missing(const Capability *capability, uint64_t effective)
{
    bool is_admin = effective >> CAP_SYS_ADMIN_NUMBER & 1;
    return !(effective >> capability->number & 1) && !(is_admin && capability->number >= 38);
}

static bool
probe_capabilities(GString *report)
{
    uint64_t effective = effective_capabilities();
    bool is_able = true;
    for (size_t i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        const Capability *capability = &capabilities[i];
        if (!is_missing(capability, effective))
            continue;
        g_string_append_printf(report, "%s is missing: %s\n", capability->name,
                               capability->without);
        is_able = is_able && !capability->is_vital;
    }
    return is_able;
}

void
sampler_probe_write_metrics(GString *out)
{
    static const char name[] = "cresset_agent_sampler_capability_missing";
    uint64_t effective = effective_capabilities();
    g_string_append_printf(out,
                           "# HELP %s Whether a capability is missing that sampling wants.\n"
                           "# TYPE %s gauge\n",
                           name, name);
    for (size_t i = 0; i < G_N_ELEMENTS(capabilities); i++)
        g_string_append_printf(out, "%s{capability=\"%s\"} %d\n", name, capabilities[i].name,
                               is_missing(&capabilities[i], effective));
}

static bool
probe_kernel(GString *report)
{
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
        return true;
    bool is_able = true;
    if (major < 5 || (major == 5 && minor < 10)) {
        g_string_append_printf(report, "Linux %s is too old: 5.10 or later is needed\n",
                               name.release);
        is_able = false;
    }
    if (strcmp(name.machine, "x86_64") != 0) {
        g_string_append_printf(report, "%s processors are not supported\n", name.machine);
        is_able = false;
    }
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
        g_string_append(report, "/sys/kernel/btf/vmlinux is missing: the kernel must be built "
                                "with CONFIG_DEBUG_INFO_BTF, and /sys mounted\n");
        is_able = false;
    }
    return is_able;
}

/* The first number in a file, or `otherwise`. */
static gint64
number_in(const char *path, gint64 otherwise)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return otherwise;
    return g_ascii_strtoll(text, NULL, 10);
}

static bool
probe_settings(GString *report)
{
    g_autofree char *lockdown = NULL;
    bool is_able = true;
    if (g_file_get_contents("/sys/kernel/security/lockdown", &lockdown, NULL, NULL) &&
        strstr(lockdown, "[confidentiality]") != NULL) {
        g_string_append(report, "kernel lockdown is in confidentiality mode, which forbids BPF "
                                "programs to read memory: boot with lockdown=integrity\n");
        is_able = false;
    }
    gint64 paranoid = number_in("/proc/sys/kernel/perf_event_paranoid", 0);
    if (paranoid > 2 && !(effective_capabilities() >> 38 & 1))
        g_string_append_printf(
            report, "kernel.perf_event_paranoid is %" G_GINT64_FORMAT ", which needs CAP_PERFMON\n",
            paranoid);
    if (number_in("/proc/sys/net/core/bpf_jit_enable", 1) == 0)
        g_string_append(report, "net.core.bpf_jit_enable is 0: samples cost several times as "
                                "much without the JIT compiler\n");
    return is_able;
}

static bool
probe_namespace(GString *report)
{
    enum { INITIAL_PID_NAMESPACE = 0xEFFFFFFC }; /* the kernel's PROC_PID_INIT_INO */
    struct stat status;
    if (stat("/proc/self/ns/pid", &status) != 0) {
        g_string_append(report, "/proc is not mounted\n");
        return false;
    }
    if (status.st_ino != INITIAL_PID_NAMESPACE) {
        g_string_append(report, "the agent is in a PID namespace of its own: run it with the "
                                "host's (hostPID: true, or docker run --pid=host)\n");
        return false;
    }
    return true;
}

/* A system call that seccomp may forbid: with these arguments a permitted one says EINVAL. */
static bool
probe_seccomp(GString *report)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
        return true;
    const char *line = strstr(text, "\nSeccomp:");
    if (line != NULL && strtol(line + strlen("\nSeccomp:\t"), NULL, 10) == 2)
        g_string_append(report, "a seccomp filter is active: it must allow bpf and "
                                "perf_event_open (seccompProfile: Unconfined)\n");
    return true;
}

void
sampler_probe_apparmor(const char *profile, GString *report)
{
    const char *mode = strstr(profile, " (enforce)");
    if (mode != NULL)
        g_string_append_printf(report,
                               "the AppArmor profile %.*s confines the agent: it may forbid to "
                               "look into other processes (appArmorProfile: Unconfined)\n",
                               (int)(mode - profile), profile);
}

static void
probe_apparmor(GString *report)
{
    g_autofree char *profile = NULL;
    if (g_file_get_contents("/proc/self/attr/current", &profile, NULL, NULL))
        sampler_probe_apparmor(profile, report);
}

bool
sampler_probe(GString *report)
{
    bool is_able = probe_kernel(report);
    is_able = probe_capabilities(report) && is_able;
    is_able = probe_settings(report) && is_able;
    is_able = probe_namespace(report) && is_able;
    probe_apparmor(report);
    return probe_seccomp(report) && is_able;
}

void
sampler_explain(GError **error)
{
    if (error == NULL || *error == NULL)
        return;
    g_autoptr(GString) report = g_string_new(NULL);
    sampler_probe(report);
    if (report->len == 0)
        return;
    g_string_truncate(report, report->len - 1);
    g_string_replace(report, "\n", "; ", 0);
    g_autoptr(GError) cause = g_steal_pointer(error);
    *error = g_error_new(cause->domain, cause->code, "%s (%s)", cause->message, report->str);
}
