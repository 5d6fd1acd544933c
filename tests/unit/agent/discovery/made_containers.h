/* Containers as Docker's answers tell of them, made from JSON with ' for ". */
#pragma once
#include "agent/discovery/local_container.h"

/* Ids: sixty-four times this digit, as a literal. */
#define MADE_ID(digit)                                                                             \
    digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit      \
        digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit  \
            digit digit digit digit digit digit digit digit digit digit digit digit digit digit    \
                digit digit digit digit digit digit digit digit digit digit digit digit digit      \
                    digit digit digit digit digit digit digit

/* All that the answer tells of; the test fails where it is none. Free with g_ptr_array_unref. */
GPtrArray *made_containers(const char *answer);
/* The only one of "[object]"; NULL when it tells of none. */
LocalContainer *made_container(const char *object);
