#include "analyzers/collect/change.h"

int64_t
object_changed_s(const Object *object, const char **ret_manager)
{
    int64_t changed_s = object->created_s;
    const char *manager = "";
    for (const Value *field = value_first(object->value, "metadata.managedFields"); field != NULL;
         field = field->next) {
        int64_t time_s = value_time(field, "time");
        if (time_s >= changed_s && !value_is(field, "subresource", "status") &&
            !value_is(field, "manager", "kube-controller-manager")) {
            changed_s = time_s;
            manager = value_text(field, "manager");
        }
    }
    if (ret_manager != NULL)
        *ret_manager = manager;
    return changed_s;
}

int64_t
object_written_s(const Object *object)
{
    int64_t written_s = object->created_s;
    for (const Value *field = value_first(object->value, "metadata.managedFields"); field != NULL;
         field = field->next)
        written_s = MAX(written_s, value_time(field, "time"));
    return written_s;
}
