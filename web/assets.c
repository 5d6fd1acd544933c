#include "web/assets.h"

#include <gio/gio.h>
#include <string.h>

/* Made by glib-compile-resources; the data comes from assets_data.S. */
void cresset_web_register_resource(void);
GResource *cresset_web_get_resource(void);

#define ROOT "/cresset/"

static const struct {
    const char *suffix, *type;
} content_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
};

static const struct {
    const char *suffix, *name;
} encodings[WEB_N_ENCODINGS] = {{"", NULL}, {".gz", "gzip"}, {".br", "br"}};

const char *
web_encoding_name(WebEncoding encoding)
{
    return encoding < WEB_N_ENCODINGS ? encodings[encoding].name : NULL;
}

static const char *
content_type(const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(content_types); i++)
        if (g_str_has_suffix(path, content_types[i].suffix))
            return content_types[i].type;
    return "application/octet-stream";
}

/* The embedded bytes at `path`; an uncompressed resource is handed out without a copy, so the bytes
 * outlive the reference that is dropped here. */
static bool
lookup(GResource *resource, const char *path, const void **ret_bytes, size_t *ret_size)
{
    g_autofree char *full = g_strconcat(ROOT, path, NULL);
    g_autoptr(GBytes) bytes =
        g_resource_lookup_data(resource, full, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    if (!bytes)
        return false;
    *ret_bytes = g_bytes_get_data(bytes, ret_size);
    return true;
}

static void
add_asset(GHashTable *table, GResource *resource, const char *path)
{
    WebAsset *asset = g_new0(WebAsset, 1);
    for (int i = 0; i < WEB_N_ENCODINGS; i++) {
        g_autofree char *name = g_strconcat(path, encodings[i].suffix, NULL);
        lookup(resource, name, &asset->form[i].bytes, &asset->form[i].size);
    }
    g_autofree char *digest = g_compute_checksum_for_data(
        G_CHECKSUM_SHA256, asset->form[WEB_IDENTITY].bytes, asset->form[WEB_IDENTITY].size);
    g_snprintf(asset->etag, sizeof asset->etag, "\"%.32s\"", digest);
    asset->path = g_strdup(path);
    asset->content_type = content_type(path);
    asset->immutable = g_str_has_prefix(path, "assets/");
    g_hash_table_insert(table, (gpointer)asset->path, asset);
}

static void
add_folder(GHashTable *table, GResource *resource, const char *folder)
{
    g_autofree char *full = g_strconcat(ROOT, folder, NULL);
    g_auto(GStrv) children =
        g_resource_enumerate_children(resource, full, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    for (char **child = children; child && *child; child++) {
        g_autofree char *path = g_strconcat(folder, *child, NULL);
        if (g_str_has_suffix(path, "/"))
            add_folder(table, resource, path);
        else if (!g_str_has_suffix(path, ".gz") && !g_str_has_suffix(path, ".br"))
            add_asset(table, resource, path);
    }
}

static gpointer
load_assets(gpointer data G_GNUC_UNUSED)
{
    cresset_web_register_resource();
    GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
    add_folder(table, cresset_web_get_resource(), "");
    return table;
}

const WebAsset *
web_assets_find(const char *path)
{
    static GOnce once = G_ONCE_INIT;
    GHashTable *table = g_once(&once, load_assets, NULL);
    return g_hash_table_lookup(table, path);
}

/* The weight that an Accept-Encoding header gives to a coding, in thousandths; -1: not named. */
static int
accept_weight(char *const *items, const char *coding)
{
    for (char *const *item = items; *item; item++) {
        g_auto(GStrv) parts = g_strsplit(*item, ";", -1);
        if (!parts[0] || g_ascii_strcasecmp(g_strstrip(parts[0]), coding) != 0)
            continue;
        for (char **part = parts + 1; *part; part++) {
            const char *text = g_strstrip(*part);
            if (g_ascii_strncasecmp(text, "q=", 2) == 0)
                return (int)(CLAMP(g_ascii_strtod(text + 2, NULL), 0, 1) * 1000);
        }
        return 1000;
    }
    return -1;
}

WebEncoding
web_assets_choose(const WebAsset *asset, const char *accept_encoding)
{
    if (!accept_encoding)
        return WEB_IDENTITY;
    g_auto(GStrv) items = g_strsplit(accept_encoding, ",", 64);
    int any = accept_weight(items, "*"), best_weight = 0;
    WebEncoding best = WEB_IDENTITY;
    for (int i = WEB_N_ENCODINGS - 1; i > WEB_IDENTITY; i--) {
        int weight = accept_weight(items, encodings[i].name);
        if (weight < 0)
            weight = MAX(any, 0);
        if (asset->form[i].bytes && weight > best_weight) {
            best = (WebEncoding)i;
            best_weight = weight;
        }
    }
    return best;
}
