/* StorageClasses, and the drivers that they name. */
#include "analyzers/checks/storage_class.h"

#include <string.h>

#include "analyzers/checks/placement.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "analyzers/collect/driver.h"

static void run_classes(CheckRun *run);
static void run_controllers(CheckRun *run);
static void run_nodes(CheckRun *run);

enum { ROW_MULTI_DEFAULT, ROW_NO_DEFAULT, ROW_DRIVER, ROW_CONTROLLER, ROW_NODE };

static const CheckRow rows[] = {
    [ROW_MULTI_DEFAULT] =
        {
            .id = "storageclass-multi-default",
            .kind = "StorageClass",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "Claims that name no class get one that nobody expects.",
            .meaning = "More than one StorageClass is marked as the default; the newest is taken.",
            .fix = "Keep the mark at one class.",
            .run = run_classes,
            .needs = {KIND_STORAGE_CLASS},
        },
    [ROW_NO_DEFAULT] =
        {
            .id = "storageclass-no-default",
            .kind = "StatefulSet",
            .severity = SEVERITY_LOW,
            .stage = STAGE_ADVICE,
            .tier = 2,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "The next claim of a StatefulSet will get no volume.",
            .meaning = "The claim templates name no class, and no class is the default.",
            .fix = "Mark a class as the default, or name one in the template.",
            .run = run_classes,
            .needs = {KIND_STORAGE_CLASS},
        },
    [ROW_DRIVER] =
        {
            .id = "storageclass-driver-missing",
            .kind = "StorageClass",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_REFERENCE,
            .tier = 2,
            .hold_s = 3600,
            .is_own_cause = true,
            .symptom = "Claims of a class would get no volume.",
            .meaning = "The provisioner of the class is built in no more, is no CSIDriver, and no "
                       "pod is known that does its work.",
            .fix = "Install the driver, or delete the class.",
            .run = run_classes,
            .needs = {KIND_STORAGE_CLASS, KIND_CSI_DRIVER, KIND_POD},
        },
    [ROW_CONTROLLER] =
        {
            .id = "csi-controller-down",
            .kind = "Deployment, StatefulSet",
            .severity = SEVERITY_HIGH,
            .stage = STAGE_WORKLOAD,
            .tier = 1,
            .hold_s = 5 * 60,
            .symptom = "No new disks are made, attached or grown.",
            .meaning = "The controller of a CSI driver has had no ready pod for five minutes.",
            .fix = "Look at the pods of the driver's controller.",
            .run = run_controllers,
            .needs = {KIND_CSI_DRIVER, KIND_POD},
        },
    [ROW_NODE] =
        {
            .id = "csinode-driver-missing",
            .kind = "Node",
            .severity = SEVERITY_MEDIUM,
            .stage = STAGE_PLUGIN,
            .tier = 2,
            .hold_s = 10 * 60,
            .symptom = "Pods with disks cannot start on one node.",
            .meaning = "A CSI driver is registered on other nodes, its DaemonSet belongs on this "
                       "one too, and it is not registered here.",
            .fix = "Look at the driver's pod on this node.",
            .run = run_nodes,
            .needs = {KIND_CSI_NODE, KIND_NODE, KIND_DAEMON_SET},
        },
};

const CheckTopic check_topic_storage_class = {rows, G_N_ELEMENTS(rows)};

/* ---- Classes. ---- */

bool
storage_class_is_default(const Object *class)
{
    const Value *annotations = value_at(class->value, "metadata.annotations");
    return value_is(value_get(annotations, "storageclass.kubernetes.io/is-default-class"), "",
                    "true") ||
           value_is(value_get(annotations, "storageclass.beta.kubernetes.io/is-default-class"), "",
                    "true");
}

static void
report_defaults(CheckRun *run, GPtrArray *defaults)
{
    const CheckRow *row = &rows[ROW_MULTI_DEFAULT];
    GString *names = g_string_new(NULL);
    const Object *newest = NULL;
    for (guint i = 0; i < defaults->len; i++) {
        const Object *class = defaults->pdata[i];
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", class->name);
        if (newest == NULL || class->created_s > newest->created_s)
            newest = class;
    }
    if (status_is_settled(run, newest, row->hold_s)) {
        Finding *finding = check_report(run, row, newest);
        finding_title(finding, "%u storage classes are the default: %s", defaults->len, names->str);
        finding_cause(finding, "Claims that name no class get %s, the newest of them.",
                      newest->name);
        finding_fix(finding, "%s", row->fix);
        finding_fix(finding, "kubectl get storageclass");
    }
    g_string_free(names, TRUE);
}

/* StatefulSets whose next claim would stay without a volume; those that have such a claim already
 * are told by it. */
static void
report_no_default(CheckRun *run)
{
    const CheckRow *row = &rows[ROW_NO_DEFAULT];
    const GPtrArray *sets = snapshot_objects(run->snapshot, KIND_STATEFUL_SET);
    for (guint i = 0; i < sets->len; i++) {
        const Object *set = sets->pdata[i];
        for (const Value *t = value_first(set->value, "spec.volumeClaimTemplates"); t != NULL;
             t = t->next) {
            const char *template = value_text(t, "metadata.name");
            g_autofree char *claim = g_strdup_printf("%s-%s-0", template, set->name);
            const Object *first = snapshot_get(run->snapshot, KIND_PVC, set->ns, claim);
            if (value_at(t, "spec.storageClassName") != NULL ||
                value_int(set->value, "spec.replicas", 1) == 0 ||
                (first != NULL && value_is(first->value, "status.phase", "Pending")) ||
                !status_is_settled(run, set, row->hold_s))
                continue;
            Finding *finding = check_report_once(run, row, set, "");
            if (finding == NULL)
                continue;
            finding_title(finding, "StatefulSet %s names no storage class and there is no default",
                          set->name);
            finding_cause(finding,
                          "Claim template %s names no class and the cluster has no "
                          "default, so a new copy would wait for its volume.",
                          template);
            finding_fix(finding, "%s", row->fix);
            finding_fix(finding, "kubectl get storageclass");
        }
    }
}

/* Claims of the class show that it works, or tell themselves that it does not. */
static bool
has_claims(const CheckRun *run, const Object *class)
{
    const GPtrArray *claims = snapshot_objects(run->snapshot, KIND_PVC);
    for (guint i = 0; i < claims->len; i++) {
        if (value_is(((const Object *)claims->pdata[i])->value, "spec.storageClassName",
                     class->name))
            return true;
    }
    return false;
}

static bool
is_in_template(const CheckRun *run, const Object *class)
{
    const GPtrArray *sets = snapshot_objects(run->snapshot, KIND_STATEFUL_SET);
    for (guint i = 0; i < sets->len; i++) {
        const Object *set = sets->pdata[i];
        if (value_find(value_at(set->value, "spec"), "volumeClaimTemplates",
                       "spec.storageClassName", class->name) != NULL)
            return true;
    }
    return false;
}

/* A class that nobody uses is of no hurry, and one of a driver that hides itself no fault. */
static void
look_at_driver(CheckRun *run, const Object *class)
{
    const CheckRow *row = &rows[ROW_DRIVER];
    const char *driver = value_text(class->value, "provisioner");
    if (g_str_has_prefix(driver, "kubernetes.io/") || !check_held(run, row, class->created_s) ||
        has_claims(run, class) || !snapshot_knows(run->snapshot, KIND_POD) ||
        snapshot_presence(run->snapshot, KIND_CSI_DRIVER, "", driver) != PRESENCE_MISSING)
        return;
    g_autoptr(GPtrArray) pods = driver_pods(run->relations, run->snapshot, driver);
    if (pods->len > 0)
        return;
    Finding *finding = check_report(run, row, class);
    finding->severity = is_in_template(run, class) ? row->severity : SEVERITY_LOW;
    finding_title(finding, "StorageClass %s wants driver %s, which is not installed", class->name,
                  driver);
    finding_cause(finding,
                  "No CSIDriver is called %s, and no pod seems to do its work: claims of "
                  "class %s would wait for ever.",
                  driver, class->name);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl get csidriver");
}

static void
run_classes(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_STORAGE_CLASS);
    g_autoptr(GPtrArray) defaults = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++) {
        if (storage_class_is_default(all->pdata[i]))
            g_ptr_array_add(defaults, all->pdata[i]);
        look_at_driver(run, all->pdata[i]);
    }
    if (defaults->len > 1)
        report_defaults(run, defaults);
    else if (defaults->len == 0 && snapshot_knows(run->snapshot, KIND_STORAGE_CLASS))
        report_no_default(run);
}

/* ---- Controllers of drivers. ---- */

static bool
is_down(const CheckRun *run, const Object *maker, int64_t *ret_since_s)
{
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, maker);
    *ret_since_s = 0;
    if (value_int(maker->value, "spec.replicas", 1) == 0 || status_is_deleted(maker))
        return false;
    for (guint i = 0; i < pods->len; i++) {
        int64_t since_s;
        if (!pod_is_unready(pods->pdata[i], &since_s) && !pod_is_finished(pods->pdata[i]))
            return false;
        *ret_since_s = MAX(*ret_since_s, since_s); /* the last that went */
    }
    return pods->len > 0;
}

static void
report_controller(CheckRun *run, const Object *maker, const char *driver)
{
    const CheckRow *row = &rows[ROW_CONTROLLER];
    int64_t since_s;
    if ((maker->kind != KIND_DEPLOYMENT && maker->kind != KIND_STATEFUL_SET) ||
        !is_down(run, maker, &since_s) || !check_held(run, row, since_s))
        return;
    Finding *finding = check_report_once(run, row, maker, driver);
    if (finding == NULL)
        return;
    finding_since(finding, since_s);
    finding_title(finding, "The controller of storage driver %s is down", driver);
    finding_cause(finding,
                  "%s %s has no ready pod, so driver %s makes, attaches and grows no "
                  "disks.",
                  kind_row(maker->kind)->kind, maker->name, driver);
    check_advise(finding, maker);
}

static void
run_controllers(CheckRun *run)
{
    const GPtrArray *drivers = snapshot_objects(run->snapshot, KIND_CSI_DRIVER);
    for (guint i = 0; i < drivers->len; i++) {
        const char *driver = ((const Object *)drivers->pdata[i])->name;
        g_autoptr(GPtrArray) pods = driver_pods(run->relations, run->snapshot, driver);
        for (guint k = 0; k < pods->len; k++)
            report_controller(run, relations_controller(run->relations, pods->pdata[k]), driver);
    }
}

/* ---- Drivers on nodes. ---- */

/* Drivers that are registered somewhere: name -> the DaemonSet of their pods on nodes. */
static GHashTable *
registered_drivers(const CheckRun *run)
{
    GHashTable *drivers = g_hash_table_new(g_str_hash, g_str_equal);
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CSI_NODE);
    for (guint i = 0; i < all->len; i++) {
        for (const Value *d = value_first(((const Object *)all->pdata[i])->value, "spec.drivers");
             d != NULL; d = d->next) {
            const char *name = value_text(d, "name");
            if (g_hash_table_contains(drivers, name))
                continue;
            g_autoptr(GPtrArray) pods = driver_pods(run->relations, run->snapshot, name);
            const Object *set = NULL;
            for (guint k = 0; k < pods->len && set == NULL; k++) {
                const Object *maker = relations_controller(run->relations, pods->pdata[k]);
                set = maker->kind == KIND_DAEMON_SET ? maker : NULL;
            }
            g_hash_table_insert(drivers, (gpointer)(uintptr_t)name, (gpointer)(uintptr_t)set);
        }
    }
    return drivers;
}

static void
report_node(CheckRun *run, const Object *node, const char *driver, const Object *set)
{
    const CheckRow *row = &rows[ROW_NODE];
    Finding *finding = check_report_once(run, row, node, driver);
    if (finding == NULL)
        return;
    g_autoptr(GPtrArray) pods = relations_pods(run->relations, set);
    for (guint i = 0; i < pods->len; i++) {
        if (strcmp(pod_node(pods->pdata[i]), node->name) == 0) {
            finding_about(finding, pods->pdata[i]);
            finding_blame(finding, set);
        }
    }
    finding_title(finding, "Storage driver %s is not registered on node %s", driver, node->name);
    finding_cause(finding,
                  "DaemonSet %s/%s should run on the node and register the driver with "
                  "its kubelet; pods with disks of the driver cannot start there.",
                  set->ns, set->name);
    finding_fix(finding, "%s", row->fix);
    finding_fix(finding, "kubectl -n %s get pods -o wide --field-selector spec.nodeName=%s",
                set->ns, node->name);
}

static void
look_at_node(CheckRun *run, const Object *node, GHashTable *drivers)
{
    const Object *own = snapshot_get(run->snapshot, KIND_CSI_NODE, "", node->name);
    GHashTableIter iter;
    gpointer driver, value;
    g_hash_table_iter_init(&iter, drivers);
    while (g_hash_table_iter_next(&iter, &driver, &value)) {
        const Object *set = value;
        const Value *template = set != NULL ? pod_template(set) : NULL;
        if (set == NULL || !placement_selects(template, node) ||
            placement_taint(template, node) != NULL ||
            (own != NULL && value_find(own->value, "spec.drivers", "name", driver) != NULL))
            continue;
        report_node(run, node, driver, set);
    }
}

static void
run_nodes(CheckRun *run)
{
    const GPtrArray *nodes = snapshot_objects(run->snapshot, KIND_NODE);
    if (!snapshot_knows(run->snapshot, KIND_CSI_NODE))
        return;
    g_autoptr(GHashTable) drivers = registered_drivers(run);
    for (guint i = 0; i < nodes->len; i++) {
        if (placement_is_expected(run, nodes->pdata[i]))
            look_at_node(run, nodes->pdata[i], drivers);
    }
}
