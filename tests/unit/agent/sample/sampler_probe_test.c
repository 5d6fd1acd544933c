/* What the agent says when it may not sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sample/sampler.h"
#include "agent/sample/sampler_private.h"
#include "lib/base/error.h"

/* Nobody may do more than a process without any capability. */
static int
drop_capabilities(void **state)
{
    (void)state;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return (int)syscall(SYS_capset, &head, none);
}

static void
test_probe_names_each_capability_on_a_line(void **state)
{
    (void)state;
    g_autoptr(GString) report = g_string_new(NULL);
    assert_false(sampler_probe(report));
    assert_non_null(strstr(report->str, "CAP_BPF is missing: no BPF program can be loaded\n"));
    assert_non_null(strstr(report->str, "CAP_PERFMON is missing: "));
    assert_true(g_str_has_suffix(report->str, "\n"));
}

static void
test_metrics_tell_each_capability(void **state)
{
    static const char *const names[] = {"CAP_BPF",
                                        "CAP_PERFMON",
                                        "CAP_SYS_PTRACE",
                                        "CAP_CHECKPOINT_RESTORE",
                                        "CAP_DAC_READ_SEARCH",
                                        "CAP_SYSLOG"};
    (void)state;
    g_autoptr(GString) metrics = g_string_new(NULL);
    sampler_probe_write_metrics(metrics);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *line = g_strdup_printf(
            "\ncresset_agent_sampler_capability_missing{capability=\"%s\"} 1\n", names[i]);
        assert_non_null(strstr(metrics->str, line));
    }
}

static void
test_an_apparmor_profile_that_is_enforced_is_told(void **state)
{
    (void)state;
    g_autoptr(GString) report = g_string_new(NULL);
    sampler_probe_apparmor("unconfined\n", report);
    sampler_probe_apparmor("cri-containerd.apparmor.d (complain)\n", report);
    sampler_probe_apparmor("system_u:system_r:spc_t:s0\n", report);
    sampler_probe_apparmor("", report);
    assert_string_equal(report->str, "");
    sampler_probe_apparmor("cri-containerd.apparmor.d (enforce)\n", report);
    assert_string_equal(report->str,
                        "the AppArmor profile cri-containerd.apparmor.d confines the agent: it may "
                        "forbid to look into other processes (appArmorProfile: Unconfined)\n");
}

static void
test_error_is_one_sentence(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    error_set(&error, CRESSET_ERROR_UNAVAILABLE, "cannot load");
    sampler_explain(&error);
    assert_true(g_str_has_prefix(error->message, "cannot load ("));
    assert_true(g_str_has_suffix(error->message, ")"));
    assert_non_null(
        strstr(error->message,
               "CAP_BPF is missing: no BPF program can be loaded; CAP_PERFMON is missing"));
    assert_null(strchr(error->message, '\n'));
}

static void
test_without_error_there_is_nothing_to_explain(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    sampler_explain(&error);
    assert_null(error);
    sampler_explain(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe_names_each_capability_on_a_line),
        cmocka_unit_test(test_metrics_tell_each_capability),
        cmocka_unit_test(test_an_apparmor_profile_that_is_enforced_is_told),
        cmocka_unit_test(test_error_is_one_sentence),
        cmocka_unit_test(test_without_error_there_is_nothing_to_explain),
    };
    return cmocka_run_group_tests(tests, drop_capabilities, NULL);
}
