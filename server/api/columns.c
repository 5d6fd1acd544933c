#include "server/api/columns.h"

#include <string.h>

#define COLUMNS_VERSION 1
#define HEADER_BYTES    32

G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN);

static size_t
align8(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static GBytes *
meta_json(const FlameLayout *layout, const ColumnsMeta *meta)
{
    JsonWriter json;
    jsonw_init(&json, 256);
    jsonw_object_begin(&json);
    jsonw_key(&json, "total");
    jsonw_int_string(&json, layout->tree->total[0]);
    jsonw_key(&json, "unit");
    jsonw_string(&json, meta->unit);
    jsonw_key(&json, "profile_type");
    jsonw_string(&json, meta->profile_type);
    jsonw_key(&json, "start_ms");
    jsonw_int(&json, meta->start_ms);
    jsonw_key(&json, "end_ms");
    jsonw_int(&json, meta->end_ms);
    if (layout->diff != NULL) {
        jsonw_key(&json, "right_total");
        jsonw_int_string(&json, layout->diff->right_total[0]);
        jsonw_key(&json, "right_start_ms");
        jsonw_int(&json, meta->right_start_ms);
        jsonw_key(&json, "right_end_ms");
        jsonw_int(&json, meta->right_end_ms);
    }
    jsonw_key(&json, "truncated");
    jsonw_bool(&json, meta->truncated);
    jsonw_key(&json, "partial");
    jsonw_bool(&json, meta->partial);
    jsonw_object_end(&json);
    return jsonw_finish(&json);
}

/* Fills the columns of the nodes; returns the position behind them. */
static size_t
put_nodes(const FlameLayout *layout, uint8_t *data, size_t at)
{
    const Tree *tree = layout->tree;
    size_t n = tree->n_nodes;
    double *value = (double *)(void *)(data + at);
    double *self = value + n;
    uint32_t *label = (uint32_t *)(void *)(self + n);
    for (size_t i = 0; i < n; i++) {
        value[i] = (double)tree->total[i];
        self[i] = (double)tree->self[i];
    }
    memcpy(label, layout->name_index, n * sizeof(uint32_t));
    at = align8(at + 2 * n * sizeof(double) + n * sizeof(uint32_t));
    memcpy(data + at, tree->depth, n * sizeof(uint32_t));
    return align8(at + n * sizeof(uint32_t));
}

static size_t
names_size(const FlameLayout *layout)
{
    size_t size = 0;
    for (uint32_t i = 0; i < layout->n_names; i++) {
        uint32_t length;
        flame_layout_name(layout, i, &length);
        size += length;
    }
    return size;
}

/* Returns the position behind the bytes. */
static size_t
put_names(const FlameLayout *layout, uint8_t *data, size_t at)
{
    uint32_t *offset = (uint32_t *)(void *)(data + at);
    uint8_t *bytes = data + align8(at + ((size_t)layout->n_names + 1) * sizeof(uint32_t));
    offset[0] = 0;
    for (uint32_t i = 0; i < layout->n_names; i++) {
        uint32_t length;
        const char *name = flame_layout_name(layout, i, &length);
        memcpy(bytes + offset[i], name, length);
        offset[i + 1] = offset[i] + length;
    }
    return (size_t)(bytes - data) + offset[layout->n_names];
}

static void
put_right(const FlameLayout *layout, uint8_t *data, size_t at)
{
    size_t n = layout->tree->n_nodes;
    double *value = (double *)(void *)(data + at), *self = value + n;
    for (size_t i = 0; i < n; i++) {
        value[i] = (double)layout->diff->right_total[i];
        self[i] = (double)layout->diff->right_self[i];
    }
}

GBytes *
columns_encode(const FlameLayout *layout, const ColumnsMeta *meta)
{
    g_autoptr(GBytes) json = meta_json(layout, meta);
    size_t meta_size, n = layout->tree->n_nodes, name_bytes = names_size(layout);
    const void *meta_data = g_bytes_get_data(json, &meta_size);
    size_t nodes_at = HEADER_BYTES + align8(meta_size);
    size_t names_end = nodes_at + 2 * n * sizeof(double) + 2 * align8(n * sizeof(uint32_t)) +
                       align8(((size_t)layout->n_names + 1) * sizeof(uint32_t)) + name_bytes;
    size_t size = layout->diff == NULL ? names_end : align8(names_end) + 2 * n * sizeof(double);
    uint8_t *data = g_malloc0(size);
    const uint32_t header[] = {COLUMNS_VERSION,
                               (uint32_t)n,
                               layout->n_names,
                               (uint32_t)meta_size,
                               (uint32_t)name_bytes,
                               layout->diff != NULL ? 2 : 1,
                               0};
    memcpy(data, "CRFG", 4);
    memcpy(data + 4, header, sizeof(header));
    memcpy(data + HEADER_BYTES, meta_data, meta_size);
    size_t end = put_names(layout, data, put_nodes(layout, data, nodes_at));
    if (layout->diff != NULL)
        put_right(layout, data, align8(end));
    return g_bytes_new_take(data, size);
}
