#include "analyzers/checks/label_hint.h"

#include <string.h>

#include "lib/base/nearest.h"

/* How much a label says: the wanted one; nearly the wanted value, or the wanted value under
 * another key; the owner's name. */
enum { SCORE_EXACT = 4, SCORE_NEAR = 3, SCORE_NAME = 1, OBJECTS_MAX = 2000 };

typedef struct {
    const Value *wanted;
    const char *name;
    const Object *best;
    const Value *best_labels;
    int best_score;
} Hint;

static bool
is_near(const char *a, const char *b)
{
    return strstr(a, b) != NULL || strstr(b, a) != NULL || nearest_name(a, &b, 1) == 0;
}

static const Value *
with_value(const Value *labels, const char *text)
{
    for (const Value *label = value_first(labels, ""); label != NULL; label = label->next) {
        if (value_is(label, "", text))
            return label;
    }
    return NULL;
}

/* The label that stands where a wanted one should; NULL when there is nothing like it. */
static const Value *
instead_of(const Value *labels, const Value *wanted)
{
    const Value *same_key = value_get(labels, wanted->key);
    return same_key != NULL ? same_key : with_value(labels, value_text(wanted, ""));
}

static int
score_of(const Hint *hint, const Value *labels, const Object *owner)
{
    int score = 0;
    for (const Value *w = value_first(hint->wanted, ""); w != NULL; w = w->next) {
        const char *text = value_text(w, "");
        const Value *label = value_get(labels, w->key);
        if (label != NULL && value_is(label, "", text))
            score += SCORE_EXACT;
        else if (label != NULL ? is_near(value_text(label, ""), text)
                               : with_value(labels, text) != NULL)
            score += SCORE_NEAR;
    }
    if (score > 0 || value_get(labels, hint->wanted->first->key) != NULL)
        score += strcmp(owner->name, hint->name) == 0 ? SCORE_NAME : 0;
    return score;
}

static void
consider(Hint *hint, const Object *owner)
{
    const Value *labels = value_at(pod_template(owner), "metadata.labels");
    int score = score_of(hint, labels, owner);
    if (score > hint->best_score) {
        hint->best_score = score;
        hint->best = owner;
        hint->best_labels = labels;
    }
}

static char *
difference_text(const Hint *hint)
{
    GString *text = g_string_new(NULL);
    for (const Value *w = value_first(hint->wanted, ""); w != NULL; w = w->next) {
        const Value *label = instead_of(hint->best_labels, w);
        if (label != NULL && (strcmp(label->key, w->key) != 0 ||
                              strcmp(value_text(label, ""), value_text(w, "")) != 0))
            g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "," : "", label->key,
                                   value_text(label, ""));
    }
    /* Nothing like it is there: all that it has. */
    return text->len > 0 ? g_string_free(text, FALSE)
                         : (g_string_free(text, TRUE), selector_map_text(hint->best_labels));
}

char *
label_hint(const Snapshot *snapshot, const Relations *relations, const char *ns,
           const Value *wanted, const char *name, const Object **ret_owner)
{
    static const Value everything = {.type = VALUE_MAP};
    Hint hint = {wanted, name, NULL, NULL, 0};
    *ret_owner = NULL;
    if (value_count(wanted, "") == 0)
        return NULL;
    g_autoptr(GPtrArray) makers = relations_templates(relations, ns, &everything, true);
    for (guint i = 0; i < makers->len && i < OBJECTS_MAX; i++)
        consider(&hint, relations_controller(relations, makers->pdata[i]));
    const GPtrArray *pods = snapshot_in_namespace(snapshot, KIND_POD, ns);
    for (guint i = 0; i < pods->len && i < OBJECTS_MAX; i++) {
        if (relations_owner(relations, pods->pdata[i]) == NULL)
            consider(&hint, pods->pdata[i]);
    }
    *ret_owner = hint.best;
    return hint.best != NULL ? difference_text(&hint) : NULL;
}

const Object *
name_hint(const GPtrArray *objects, const char *name)
{
    g_autofree const char **names = g_new(const char *, objects->len + 1);
    for (guint i = 0; i < objects->len; i++)
        names[i] = ((const Object *)objects->pdata[i])->name;
    int nearest = nearest_name(name, names, objects->len);
    return nearest >= 0 ? objects->pdata[nearest] : NULL;
}
