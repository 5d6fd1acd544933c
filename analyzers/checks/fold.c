/* A finding is a consequence of another when what it is about needs, directly or through others,
 * what the other is about, and the other's stage is an earlier one. The nearest one is its cause,
 * which may itself be a consequence. */
#include "analyzers/checks/fold.h"

/* Steps from an object to what it needs: Ingress, Service, Pod, claim, class, driver's pod, its
 * node. */
enum { STEPS_MAX = 7, OBJECTS_MAX = 20000 };

typedef struct {
    const Relations *relations;
    GHashTable *by_object; /* Object -> GPtrArray of Finding */
} Fold;

static void
unref_array(gpointer array)
{
    g_ptr_array_unref(array);
}

static void
index_finding(Fold *fold, const Object *object, Finding *finding)
{
    GPtrArray *array = g_hash_table_lookup(fold->by_object, object);
    if (array == NULL) {
        array = g_ptr_array_new();
        g_hash_table_insert(fold->by_object, (gpointer)(uintptr_t)object, array);
    }
    g_ptr_array_add(array, finding);
}

/* Whether `cause` explains `finding` when their objects hang together; `steps` away. */
static bool
can_explain(const Finding *cause, const Finding *finding, int steps)
{
    if (cause == finding || cause->check->stage == STAGE_ADVICE)
        return false;
    if (cause->check->stage != finding->check->stage)
        return cause->check->stage < finding->check->stage;
    /* Of one stage: a finding of the same object that says it better. */
    return steps == 0 && finding->check->is_umbrella && !cause->check->is_umbrella;
}

static bool
is_better(const Finding *candidate, int steps, const Finding *best, int best_steps)
{
    if (best == NULL || steps != best_steps)
        return best == NULL || steps < best_steps;
    if (candidate->check->stage != best->check->stage)
        return candidate->check->stage < best->check->stage;
    return candidate->severity > best->severity;
}

typedef struct {
    const Finding *finding;
    Finding *best;
    int best_steps;
    GHashTable *seen;
    GPtrArray *border; /* Object of the present step */
} Search;

static void
look_at(const Fold *fold, Search *search, const Object *object, int steps)
{
    const GPtrArray *findings = g_hash_table_lookup(fold->by_object, object);
    for (guint i = 0; findings != NULL && i < findings->len; i++) {
        Finding *candidate = findings->pdata[i];
        if (can_explain(candidate, search->finding, steps) &&
            is_better(candidate, steps, search->best, search->best_steps)) {
            search->best = candidate;
            search->best_steps = steps;
        }
    }
}

static void
visit(const Fold *fold, Search *search, GPtrArray *into, const Object *object, int steps)
{
    if (object == NULL || g_hash_table_size(search->seen) >= OBJECTS_MAX ||
        !g_hash_table_add(search->seen, (gpointer)(uintptr_t)object))
        return;
    look_at(fold, search, object, steps);
    g_ptr_array_add(into, (gpointer)(uintptr_t)object);
}

/* One step further: what the objects at the border need. */
static void
advance(const Fold *fold, Search *search, int steps)
{
    GPtrArray *next = g_ptr_array_new();
    for (guint i = 0; i < search->border->len; i++) {
        g_autoptr(GPtrArray) needs = relations_needs(fold->relations, search->border->pdata[i]);
        for (guint k = 0; k < needs->len; k++)
            visit(fold, search, next, needs->pdata[k], steps);
    }
    g_ptr_array_unref(search->border);
    search->border = next;
}

static Finding *
find_cause(const Fold *fold, const Finding *finding)
{
    Search search = {
        .finding = finding, .seen = g_hash_table_new(NULL, NULL), .border = g_ptr_array_new()};
    visit(fold, &search, search.border, finding->object, 0);
    for (guint i = 0; i < finding->about->len; i++)
        visit(fold, &search, search.border, finding->about->pdata[i], 1);
    int steps_max = finding->check->is_own_cause ? 0 : STEPS_MAX;
    for (int steps = 1; steps <= steps_max && search.border->len > 0; steps++)
        advance(fold, &search, steps);
    g_ptr_array_unref(search.border);
    g_hash_table_unref(search.seen);
    return search.best;
}

static Finding *
find_blamed(const Fold *fold, const Finding *finding)
{
    for (guint i = 0; i < finding->blamed->len; i++) {
        const GPtrArray *findings = g_hash_table_lookup(fold->by_object, finding->blamed->pdata[i]);
        for (guint k = 0; findings != NULL && k < findings->len; k++) {
            Finding *candidate = findings->pdata[k];
            if (candidate != finding && candidate->check->stage != STAGE_ADVICE)
                return candidate;
        }
    }
    return NULL;
}

/* The cause of the cause … ; NULL when it would be a circle. */
static Finding *
root_of(Finding *finding)
{
    enum { CHAIN_MAX = 64 };
    for (int i = 0; i < CHAIN_MAX; i++) {
        if (finding->root == NULL)
            return finding;
        finding = finding->root;
    }
    return NULL;
}

/* A cause is as bad as the worst that comes of it. */
void
fold_findings(Findings *findings, const Relations *relations)
{
    Fold fold = {relations, g_hash_table_new_full(NULL, NULL, NULL, unref_array)};
    for (guint i = 0; i < findings->all->len; i++) {
        Finding *finding = findings->all->pdata[i];
        index_finding(&fold, finding->object, finding);
        for (guint k = 0; k < finding->about->len; k++)
            index_finding(&fold, finding->about->pdata[k], finding);
    }
    for (guint i = 0; i < findings->all->len; i++) {
        Finding *finding = findings->all->pdata[i];
        Finding *cause = find_blamed(&fold, finding);
        if (cause == NULL)
            cause = find_cause(&fold, finding);
        if (cause != NULL && root_of(cause) != finding)
            finding->root = cause;
    }
    for (guint i = 0; i < findings->all->len; i++) {
        Finding *finding = findings->all->pdata[i];
        Finding *root = finding->root != NULL ? root_of(finding->root) : NULL;
        finding->root = root != finding ? root : NULL;
        if (finding->root == NULL)
            continue;
        g_ptr_array_add(finding->root->explains, finding);
        finding->root->severity = MAX(finding->root->severity, finding->severity);
    }
    g_hash_table_unref(fold.by_object);
}
