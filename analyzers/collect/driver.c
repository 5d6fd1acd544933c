#include "analyzers/collect/driver.h"

#include <string.h>

/* The kubelet's folders are called after the driver. */
static bool
mounts_folder(const Object *pod, const char *driver)
{
    for (const Value *v = value_first(pod->value, "spec.volumes"); v != NULL; v = v->next) {
        if (strstr(value_text(v, "hostPath.path"), driver) != NULL)
            return true;
    }
    return false;
}

/* The controller of a driver runs sidecars of kubernetes-csi. */
static bool
has_provisioner(const Object *pod)
{
    for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next) {
        if (strstr(value_text(c, "name"), "csi-provisioner") != NULL ||
            strstr(value_text(c, "image"), "csi-provisioner") != NULL)
            return true;
    }
    return false;
}

/* Several drivers may live in one namespace: then names tell, csi-rbdplugin and
 * csi-rbdplugin-provisioner. */
static void
add_controllers(const Relations *relations, const Snapshot *snapshot, const Object *node_pod,
                GPtrArray *pods)
{
    const char *prefix = relations_controller(relations, node_pod)->name;
    const GPtrArray *all = snapshot_in_namespace(snapshot, KIND_POD, node_pod->ns);
    g_autoptr(GPtrArray) named = g_ptr_array_new(), others = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        if (has_provisioner(pod) && !g_ptr_array_find(pods, pod, NULL))
            g_ptr_array_add(g_str_has_prefix(pod->name, prefix) ? named : others, all->pdata[i]);
    }
    const GPtrArray *chosen = named->len > 0 ? named : others;
    for (guint i = 0; i < chosen->len; i++)
        g_ptr_array_add(pods, chosen->pdata[i]);
}

/* Rook's drivers are called after the namespace of their operator: rook-ceph.rbd.csi.ceph.com. */
static void
add_by_namespace(const Snapshot *snapshot, const char *driver, GPtrArray *pods)
{
    g_autofree char *ns = g_strndup(driver, strcspn(driver, "."));
    const GPtrArray *all = snapshot_in_namespace(snapshot, KIND_POD, ns);
    for (guint i = 0; i < all->len; i++) {
        if (has_provisioner(all->pdata[i]))
            g_ptr_array_add(pods, all->pdata[i]);
    }
}

static bool
names_driver(const Value *container, const char *driver)
{
    for (const Value *arg = value_first(container, "args"); arg != NULL; arg = arg->next) {
        if (strstr(value_text(arg, ""), driver) != NULL)
            return true;
    }
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next) {
        if (value_is(env, "value", driver))
            return true;
    }
    return false;
}

/* Provisioners that are no CSI drivers are told their name, or are called after the end of it:
 * rancher.io/local-path. */
static void
add_by_name(const Snapshot *snapshot, const char *driver, GPtrArray *pods)
{
    enum { NAME_MIN = 4 };
    const GPtrArray *all = snapshot_objects(snapshot, KIND_POD);
    const char *slash = strrchr(driver, '/');
    const char *name = slash != NULL && strlen(slash + 1) >= NAME_MIN ? slash + 1 : NULL;
    for (guint i = 0; i < all->len; i++) {
        const Object *pod = all->pdata[i];
        bool is_it = name != NULL && strstr(pod->name, name) != NULL;
        for (const Value *c = value_first(pod->value, "spec.containers"); c != NULL; c = c->next)
            is_it = is_it || names_driver(c, driver);
        if (is_it)
            g_ptr_array_add(pods, all->pdata[i]);
    }
}

GPtrArray *
driver_pods(const Relations *relations, const Snapshot *snapshot, const char *driver)
{
    GPtrArray *pods = g_ptr_array_new();
    const GPtrArray *all = snapshot_objects(snapshot, KIND_POD);
    if (driver[0] == '\0')
        return pods;
    for (guint i = 0; i < all->len; i++) {
        if (mounts_folder(all->pdata[i], driver))
            g_ptr_array_add(pods, all->pdata[i]);
    }
    if (pods->len > 0)
        add_controllers(relations, snapshot, pods->pdata[0], pods);
    else
        add_by_namespace(snapshot, driver, pods);
    if (pods->len == 0)
        add_by_name(snapshot, driver, pods);
    return pods;
}
