#include "tests/unit/agent/discovery/made_containers.h"

#include "tests/harness/check.h"

GPtrArray *
made_containers(const char *answer)
{
    g_autoptr(GError) error = NULL;
    char *text = g_strdelimit(g_strdup(answer), "'", '"');
    g_autoptr(GBytes) body = g_bytes_new_take(text, strlen(text));
    GPtrArray *containers = local_container_read_list(body, &error);
    assert_no_error(error);
    assert_non_null(containers);
    return containers;
}

LocalContainer *
made_container(const char *object)
{
    g_autofree char *answer = g_strdup_printf("[%s]", object);
    g_autoptr(GPtrArray) containers = made_containers(answer);
    return containers->len > 0 ? local_container_ref(containers->pdata[0]) : NULL;
}
