#include "agent/process/cgroup.h"

#include "tests/harness/check.h"

#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OUTER  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID    "a086e354-3604-462f-8b39-db5906fe9f52"
#define SLICE  "a086e354_3604_462f_8b39_db5906fe9f52"
#define OTHER  "22549a7b-3e48-471d-8f82-0243ddc45908"
#define STATIC "5b6ee6f1d4ae3d8a3b3f2f4c6e1d7a90"

typedef struct {
    const char *text, *id, *pod, *unit;
} Row;

static const Row rows[] = {
    /* v2, systemd driver: containerd, CRI-O, cri-dockerd; guaranteed, burstable and best effort. */
    {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" SLICE ".slice/"
     "cri-containerd-" ID ".scope\n",
     ID, UID, NULL},
    {"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" SLICE ".slice/"
     "cri-containerd-" ID ".scope\n",
     ID, UID, NULL},
    {"0::/kubepods.slice/kubepods-pod" SLICE ".slice/crio-" ID ".scope\n", ID, UID, NULL},
    {"0::/kubepods.slice/kubepods-pod" SLICE ".slice/crio-" ID ".scope/container\n", ID, UID, NULL},
    {"0::/kubepods.slice/kubepods-pod" SLICE ".slice/crio-conmon-" ID ".scope\n", NULL, UID, NULL},
    {"0::/kubepods.slice/kubepods-pod" SLICE ".slice/docker-" ID ".scope\n", ID, UID, NULL},
    {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" SLICE ".slice/crio-" ID
     ".scope\n",
     ID, UID, NULL},
    {"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" SLICE
     ".slice/docker-" ID ".scope\n",
     ID, UID, NULL},
    {"0::/kubepods.slice/kubepods-pod" STATIC ".slice/cri-containerd-" ID ".scope\n", ID, STATIC,
     NULL},
    /* cgroupfs driver. */
    {"0::/kubepods/burstable/pod" UID "/" ID "\n", ID, UID, NULL},
    {"0::/kubepods/pod" UID "/" ID "\n", ID, UID, NULL},
    {"0::/kubepods/burstable/pod" STATIC "/" ID "\n", ID, STATIC, NULL},
    {"0::/kubepods/besteffort/pod" UID "\n", NULL, UID, NULL},
    /* containerd without its systemd driver below slices. */
    {"0::/system.slice/containerd.service/kubepods-burstable-pod" SLICE ".slice:cri-containerd:" ID
     "\n",
     ID, UID, NULL},
    {"0::/system.slice/containerd.service/kubepods-pod" SLICE ".slice:cri-containerd:" ID "\n", ID,
     UID, NULL},
    {"0::/k8s.io/" ID "\n", ID, NULL, NULL},
    /* A cluster within containers (kind, minikube): the innermost counts. */
    {"0::/docker/" OUTER "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" SLICE
     ".slice/cri-containerd-" ID ".scope\n",
     ID, UID, NULL},
    {"0::/docker/" OUTER "/kubelet/kubepods/burstable/pod" UID "/" ID "\n", ID, UID, NULL},
    {"0::/kubepods/burstable/pod" OTHER "/" OUTER "/kubelet/kubepods/besteffort/pod" UID "/" ID
     "\n",
     ID, UID, NULL},
    {"0::/docker/" OUTER "/system.slice/kubelet.service\n", OUTER, NULL, "kubelet.service"},
    {"0::/kubepods/burstable/pod" OTHER "/" OUTER "/kubelet/kubepods/besteffort/pod" UID "\n", NULL,
     UID, NULL},
    /* Docker, podman, LXC, ECS. */
    {"0::/docker/" ID "\n", ID, NULL, NULL},
    {"0::/system.slice/docker-" ID ".scope\n", ID, NULL, NULL},
    {"0::/docker/" ID "/init.scope\n", ID, NULL, NULL},
    {"0::/machine.slice/libpod-" ID ".scope\n", ID, NULL, NULL},
    {"0::/machine.slice/libpod-" ID ".scope/container\n", ID, NULL, NULL},
    {"0::/machine.slice/libpod-conmon-" ID ".scope\n", NULL, NULL, NULL},
    {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container\n",
     ID, NULL, NULL},
    {"0::/libpod_parent/libpod-" ID "\n", ID, NULL, NULL},
    {"0::/libpod_parent/conmon\n", NULL, NULL, NULL},
    {"0::/lxc.payload.web1\n", "web1", NULL, NULL},
    {"0::/lxc.payload.web1/system.slice/nginx.service\n", "web1", NULL, "nginx.service"},
    {"0::/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890\n",
     "0123456789abcdef0123456789abcdef-1234567890", NULL, NULL},
    {"9:memory:/ecs/0123456789abcdef0123456789abcdef/" ID "\n", ID, NULL, NULL},
    /* v1: hierarchies that know nothing stand before those that do. */
    {"12:cpu,cpuacct:/kubepods/burstable/pod" UID "/" ID "\n11:pids:/\n1:name=systemd:/\n", ID, UID,
     NULL},
    {"5:memory:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" SLICE
     ".slice/cri-containerd-" ID ".scope\n1:name=systemd:/kubepods.slice/kubepods-burstable.slice/"
     "kubepods-burstable-pod" SLICE ".slice/cri-containerd-" ID ".scope\n0::/\n",
     ID, UID, NULL},
    {"8:cpuset:/kubepods/burstable/pod" UID "/crio-" ID "\n", ID, UID, NULL},
    {"8:cpuset:/kubepods/burstable/pod" UID "/crio-conmon-" ID "\n", NULL, UID, NULL},
    {"8:cpu,cpuacct:/system.slice/containerd.service/kubepods-burstable-pod" SLICE
     ".slice:cri-containerd:" ID "\n0::/\n",
     ID, UID, NULL},
    {"3:pids:/\n1:name=systemd:/docker/" ID "\n0::/\n", ID, NULL, NULL},
    {"4:memory:/system.slice/docker.service\n1:name=systemd:/docker/" ID "\n0::/\n", ID, NULL,
     NULL},
    {"4:memory:/\n1:name=systemd:/system.slice/cron.service\n0::/system.slice/cron.service\n", NULL,
     NULL, "cron.service"},
    /* Seen from a private cgroup namespace. */
    {"0::/../../kubepods-pod" SLICE ".slice/cri-containerd-" ID ".scope\n", ID, UID, NULL},
    {"0::/../cri-containerd-" ID ".scope\n", ID, NULL, NULL},
    {"0::/../../pod" UID "/" ID "\n", ID, UID, NULL},
    {"0::/\n", NULL, NULL, NULL},
    /* systemd. */
    {"0::/system.slice/nginx.service\n", NULL, NULL, "nginx.service"},
    {"0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n", NULL, NULL,
     "postgresql@15-main.service"},
    {"0::/user.slice/user-1000.slice/session-1.scope\n", NULL, NULL, NULL},
    {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service\n", NULL, NULL,
     "sync.service"},
    {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-1.scope\n", NULL, NULL, NULL},
    {"0::/init.scope\n", NULL, NULL, NULL},
    /* Neither. */
    {"", NULL, NULL, NULL},
    {"no slash at all", NULL, NULL, NULL},
    {"0::/docker/0123456789abcdef\n", NULL, NULL, NULL},
    {"0::/docker/" ID "0\n", NULL, NULL, NULL},
    {"0::/docker/0123456789abcdef" ID "g\n", NULL, NULL, NULL},
    {"0::/docker/" ID, ID, NULL, NULL},
    {"0::/kubepods/podx" UID "/" ID "\n", ID, NULL, NULL},
    {"0::/kubepods/tripod" UID "/" ID "\n", ID, NULL, NULL},
    {"0::/kubepods/pod" UID "0/" ID "\n", ID, NULL, NULL},
    {"0::/.service\n0::/.scope\n0::/pod\n", NULL, NULL, NULL},
};

static void
expect(const Row *row, const char *what, const char *got, const char *wanted)
{
    if (g_strcmp0(got, wanted) != 0)
        fail_msg("%s: the %s is %s instead of %s", row->text, what, got != NULL ? got : "none",
                 wanted != NULL ? wanted : "none");
}

static void
test_every_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Cgroup) cgroup = {0};
        cgroup_read(rows[i].text, &cgroup);
        expect(&rows[i], "container", cgroup.container_id, rows[i].id);
        expect(&rows[i], "pod", cgroup.pod_uid, rows[i].pod);
        expect(&rows[i], "unit", cgroup.systemd_unit, rows[i].unit);
    }
}

static void
test_the_root_of_the_namespace(void **state)
{
    (void)state;
    assert_true(cgroup_is_root("0::/\n"));
    assert_true(cgroup_is_root("12:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"));
    assert_true(cgroup_is_root("0::/"));
    assert_false(cgroup_is_root(""));
    assert_false(cgroup_is_root("no slash at all"));
    assert_false(cgroup_is_root("0::/init.scope\n"));
    assert_false(cgroup_is_root("0::/../cri-containerd-" ID ".scope\n"));
    assert_false(cgroup_is_root("4:memory:/\n1:name=systemd:/docker/" ID "\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layout),
        cmocka_unit_test(test_the_root_of_the_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
