#include "agent/process/cgroup.h"

#include "tests/harness/check.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OUTER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

typedef struct {
    const char *text, *id;
} Row;

static const Row rows[] = {
    {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/"
     "cri-containerd-" ID ".scope\n",
     ID},
    {"0::/kubepods.slice/kubepods-pod3.slice/crio-" ID ".scope\n", ID},
    {"0::/kubepods.slice/kubepods-pod3.slice/crio-" ID ".scope/container\n", ID},
    {"0::/kubepods.slice/kubepods-pod3.slice/crio-conmon-" ID ".scope\n", NULL},
    {"0::/kubepods.slice/kubepods-pod3.slice/docker-" ID ".scope\n", ID},
    {"0::/kubepods/burstable/pod1-2-3/" ID "\n", ID},
    {"0::/kubepods/pod1-2-3/" ID "\n", ID},
    {"0::/system.slice/containerd.service/kubepods-burstable-pod1_2.slice:cri-containerd:" ID "\n",
     ID},
    {"0::/k8s.io/" ID "\n", ID},
    {"0::/docker/" OUTER "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/"
     "cri-containerd-" ID ".scope\n",
     ID},
    {"0::/docker/" ID "\n", ID},
    {"0::/system.slice/docker-" ID ".scope\n", ID},
    {"0::/machine.slice/libpod-" ID ".scope\n", ID},
    {"12:cpu,cpuacct:/kubepods/burstable/pod1/" ID "\n11:pids:/\n1:name=systemd:/\n", ID},
    {"3:pids:/\n1:name=systemd:/docker/" ID "\n0::/\n", ID},
    {"0::/docker/" ID "/init.scope\n", ID},
    {"0::/user.slice/user-1000.slice/session-1.scope\n", NULL},
    {"0::/\n", NULL},
    {"", NULL},
    {"no slash at all", NULL},
    {"0::/docker/0123456789abcdef\n", NULL},
    {"0::/docker/" ID "0\n", NULL},
    {"0::/docker/" ID "g\n", NULL},
    {"0::/docker/" ID, ID},
};

static void
test_every_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *id = cgroup_container_id(rows[i].text);
        if (g_strcmp0(id, rows[i].id) != 0)
            fail_msg("%s gave %s", rows[i].text, id != NULL ? id : "nothing");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
