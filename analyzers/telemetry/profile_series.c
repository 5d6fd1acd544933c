#include "analyzers/telemetry/profile_series.h"

#include "analyzers/telemetry/series.h"
#include "lib/base/error.h"

bool
profile_series_read(GBytes *body, Arena *arena, ProfileSeriesList *ret_list, GError **error)
{
    *ret_list = (ProfileSeriesList){0};
    const Value *document = answer_read_json(body, arena, error);
    if (document == NULL)
        return false;
    if (document->type != VALUE_MAP)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the answer is no map");
    uint32_t n = value_count(document, "labelsSet");
    ProfileSeries *all = arena_alloc_array(arena, n, sizeof *all);
    if (all == NULL)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "the answer is too large");
    for (const Value *set = value_first(document, "labelsSet"); set != NULL; set = set->next)
        all[ret_list->n++].labels = set;
    ret_list->series = all;
    return true;
}

const char *
profile_series_label(const ProfileSeries *series, const char *name)
{
    return value_text(value_find(series->labels, "labels", "name", name), "value");
}
