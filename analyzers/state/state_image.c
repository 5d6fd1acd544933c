#include <string.h>

#include "analyzers/state/state_db.h"
#include "lib/base/error.h"

/* Makes the image the database of the connection, which then has a copy of it. */
static bool
deserialize(State *state, GBytes *image, GError **error)
{
    gsize size = g_bytes_get_size(image);
    unsigned char *copy = sqlite3_malloc64(size);
    if (copy == NULL)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "state: %s: no memory for %zu bytes", state->path, size);
    memcpy(copy, g_bytes_get_data(image, NULL), size);
    return sqlite3_deserialize(state->db, "main", copy, (sqlite3_int64)size, (sqlite3_int64)size,
                               SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) ==
               SQLITE_OK ||
           state_failed(state, error);
}

/* An empty image is none that SQLite would find damaged. */
static bool
take_image(State *state, GBytes *image, GError **error)
{
    if (g_bytes_get_size(image) == 0)
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "state: %s: it is empty", state->path);
    return deserialize(state, image, error) && state_check_content(state, error) &&
           state_set_up(state, error);
}

/* A new database in memory. */
static bool
begin_anew(State *state, GError **error)
{
    sqlite3_close(state->db);
    state->db = NULL;
    return sqlite3_open(":memory:", &state->db) == SQLITE_OK ? state_set_up(state, error)
                                                             : state_failed(state, error);
}

bool
state_image_load(State *state, GError **error)
{
    g_autoptr(GBytes) image = NULL;
    if (!state_server_load(state->server, &image, error))
        return false;
    return image != NULL ? take_image(state, image, error) : begin_anew(state, error);
}

bool
state_image_store(State *state, GError **error)
{
    sqlite3_int64 size = 0;
    unsigned char *copy = sqlite3_serialize(state->db, "main", &size, 0);
    if (copy == NULL)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "state: %s: no memory for it",
                         state->path);
    g_autoptr(GBytes) image = g_bytes_new_with_free_func(copy, (gsize)size, sqlite3_free, copy);
    return state_server_store(state->server, image, error);
}

/* The damaged image as the state of another cluster; a new one takes its place with the first
 * change. */
static bool
set_aside(State *state, const char *cluster, GBytes *image, const GError *why, char **ret_notice,
          GError **error)
{
    g_autofree char *aside =
        g_strdup_printf("%s.corrupt-%" G_GINT64_FORMAT, cluster, g_get_real_time());
    if (!state_server_store_as(state->server, aside, image, error)) {
        g_prefix_error(error, "%s, and cannot be set aside: ", why->message);
        return false;
    }
    if (!begin_anew(state, error))
        return false;
    *ret_notice = g_strdup_printf(
        "%s: it is kept as that of cluster %s, and what is found now counts as known", why->message,
        aside);
    return true;
}

static State *
connect_to_server(TelemetryApi *server, const char *cluster, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s, cluster %s", telemetry_api_url(server), cluster);
    State *state =
        state_connect(path, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
    if (state == NULL)
        return NULL;
    state->server = state_server_new(server, cluster);
    state->run = g_uuid_string_random();
    return state;
}

State *
state_open_server(TelemetryApi *server, const char *cluster, char **ret_notice, GError **error)
{
    g_autoptr(GBytes) image = NULL;
    g_autoptr(GError) why = NULL;
    g_autoptr(State) state = connect_to_server(server, cluster, error);
    *ret_notice = NULL;
    if (state == NULL || !state_server_load(state->server, &image, error))
        return NULL;
    if (image != NULL ? take_image(state, image, &why) : begin_anew(state, &why))
        return g_steal_pointer(&state);
    if (image == NULL || !g_error_matches(why, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    return set_aside(state, cluster, image, why, ret_notice, error) ? g_steal_pointer(&state)
                                                                    : NULL;
}

State *
state_open_server_copy(TelemetryApi *server, const char *cluster, GError **error)
{
    g_autoptr(State) state = connect_to_server(server, cluster, error);
    if (state == NULL || !state_image_load(state, error))
        return NULL;
    g_clear_pointer(&state->server, state_server_free);
    return g_steal_pointer(&state);
}
