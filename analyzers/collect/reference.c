#include "analyzers/collect/reference.h"

typedef struct {
    ReferenceFunc func;
    void *data;
} Visit;

static void
visit(const Visit *to, Kind kind, const char *name)
{
    if (name[0] != '\0')
        to->func(to->data, kind, name);
}

static void
visit_container(const Visit *to, const Value *container)
{
    for (const Value *from = value_first(container, "envFrom"); from != NULL; from = from->next) {
        visit(to, KIND_CONFIG_MAP, value_text(from, "configMapRef.name"));
        visit(to, KIND_SECRET, value_text(from, "secretRef.name"));
    }
    for (const Value *env = value_first(container, "env"); env != NULL; env = env->next) {
        visit(to, KIND_CONFIG_MAP, value_text(env, "valueFrom.configMapKeyRef.name"));
        visit(to, KIND_SECRET, value_text(env, "valueFrom.secretKeyRef.name"));
    }
}

static void
visit_volume(const Visit *to, const Value *volume)
{
    visit(to, KIND_CONFIG_MAP, value_text(volume, "configMap.name"));
    visit(to, KIND_SECRET, value_text(volume, "secret.secretName"));
    for (const Value *source = value_first(volume, "projected.sources"); source != NULL;
         source = source->next) {
        visit(to, KIND_CONFIG_MAP, value_text(source, "configMap.name"));
        visit(to, KIND_SECRET, value_text(source, "secret.name"));
    }
}

void
template_each_reference(const Value *template, ReferenceFunc func, void *data)
{
    static const char *const lists[] = {"spec.initContainers", "spec.containers"};
    const Visit to = {func, data};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const Value *c = value_first(template, lists[i]); c != NULL; c = c->next)
            visit_container(&to, c);
    }
    for (const Value *v = value_first(template, "spec.volumes"); v != NULL; v = v->next)
        visit_volume(&to, v);
}
