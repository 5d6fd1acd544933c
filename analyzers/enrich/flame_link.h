/* Where a flame graph can be looked at. Internal to analyzers/enrich. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *tenant, *service; /* "" for none */
    const char *type;             /* of the profile */
    const char *labels;           /* matchers beside that of the service: pod="web-1"; "" */
    int64_t from_ms, until_ms;
} FlameView;

/* `base` is the address of Cresset's page, or a template: then {tenant}, {service}, {type},
 * {labels}, {selector} (service and labels as one), {from} and {until} (milliseconds) in it are
 * replaced, encoded for a URL. Free with g_free. */
char *flame_link(const char *base, const FlameView *view);
