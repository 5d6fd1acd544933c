#include "agent/scrape/scrape_page.h"

#include <string.h>

#include "lib/base/jsonw.h"
#include "lib/base/text.h"

/* --- HTML ------------------------------------------------------------------------------------- */

/* Colours by role, for light and dark; nothing is fetched. */
static const char style[] =
    ":root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1c2430;--dim:#5d6878;"
    "--line:#e1e5eb;--up:#12703c;--upbg:#dff3e6;--down:#a81e1e;--downbg:#fde3e1;--absent:#6b5300;"
    "--absentbg:#fbf0cc;--unknown:#465063;--unknownbg:#e7eaf0}"
    "@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1b2129;--text:#e4e8ee;"
    "--dim:#98a3b3;--line:#2c343f;--up:#7fdca4;--upbg:#173826;--down:#ff9d94;--downbg:#45201e;"
    "--absent:#f0d479;--absentbg:#3b3113;--unknown:#c0c9d6;--unknownbg:#2a323e}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:24px 20px 48px;max-width:1280px;background:var(--bg);"
    "color:var(--text);font:14px/1.45 system-ui,sans-serif}"
    "h1{font-size:22px;margin:0 0 2px}h2{font-size:15px;margin:0}"
    "p.dim{margin:2px 0}.dim{color:var(--dim)}"
    "nav{display:flex;flex-wrap:wrap;gap:8px;margin:16px 0}"
    "nav a{text-decoration:none;border:1px solid transparent}nav a.on{border-color:currentColor}"
    ".pill{display:inline-block;padding:1px 9px;border-radius:10px;font-size:12.5px;"
    "font-weight:600;white-space:nowrap;color:var(--unknown);background:var(--unknownbg)}"
    ".up{color:var(--up);background:var(--upbg)}.down{color:var(--down);background:var(--downbg)}"
    ".absent{color:var(--absent);background:var(--absentbg)}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:0 0 14px;"
    "overflow-x:auto}"
    "header{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline;padding:10px 14px 8px}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:5px 14px;border-top:1px solid "
    "var(--line);white-space:nowrap}"
    "th{font-weight:600;font-size:12.5px;color:var(--dim)}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "td.path{font-family:ui-monospace,monospace;font-size:12.5px}"
    "td.why{white-space:normal;width:42%;min-width:260px;overflow-wrap:anywhere}"
    "td.type{width:11em}td.health{width:6.5em}a{color:inherit}"
    "details{padding:0 14px 8px;font-size:12.5px}summary{cursor:pointer;color:var(--dim)}"
    "code{font-family:ui-monospace,monospace;font-size:12.5px;margin-right:14px;"
    "overflow-wrap:anywhere}td.why code{margin-right:10px}"
    ".note{padding:10px 14px}.note ul{margin:6px 0 0;padding-left:20px}";

static void
put(GString *out, const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);
    g_string_append(out, escaped);
}

/* "3.2 s", "4 min" */
static void
put_time(GString *out, int64_t us)
{
    double s = (double)us / G_USEC_PER_SEC;
    if (s < 1)
        g_string_append_printf(out, "%.0f ms", s * 1000);
    else if (s < 10 && us % G_USEC_PER_SEC != 0)
        g_string_append_printf(out, "%.1f s", s);
    else if (s < 120)
        g_string_append_printf(out, "%.0f s", s);
    else
        g_string_append_printf(out, "%.0f min", s / 60);
}

static void
put_size(GString *out, uint64_t bytes)
{
    g_autofree char *text = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    put(out, text);
}

static const char *
path_of(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host != NULL ? strchr(host + strlen("://"), '/') : NULL;
    return path != NULL ? path : "/";
}

/* Of one page; rows of the same target stand together. */
typedef struct {
    GString *out;
    int64_t now_us;
    const char *only; /* a health, or NULL */
    const ScrapeTarget *last;
    guint counts[SCRAPE_N_HEALTHS];
    guint n_shown;
} Page;

static bool
is_same_target(const ScrapeTarget *a, const ScrapeTarget *b)
{
    static const char *const names[] = {"instance", "service_name", "pod", "container"};
    bool is_same = a != NULL && strcmp(a->job->name, b->job->name) == 0;
    for (size_t i = 0; is_same && i < G_N_ELEMENTS(names); i++)
        is_same =
            strcmp(label_set_get(a->labels, names[i]), label_set_get(b->labels, names[i])) == 0;
    return is_same;
}

static void
put_labels(GString *out, const LabelSet *labels)
{
    g_string_append(out, "<details><summary>labels</summary>");
    for (size_t i = 0; i < label_set_size(labels); i++) {
        const char *name, *value;
        label_set_at(labels, i, &name, &value);
        if (g_str_has_prefix(name, "__"))
            continue;
        g_string_append(out, "<code>");
        put(out, name);
        g_string_append(out, "=\"");
        put(out, value);
        g_string_append(out, "\"</code> ");
    }
    g_string_append(out, "</details>");
}

static void
end_target(const Page *page)
{
    if (page->last == NULL)
        return;
    g_string_append(page->out, "</tbody></table>");
    put_labels(page->out, page->last->labels);
    g_string_append(page->out, "</section>");
}

static void
begin_target(const Page *page, const ScrapeTarget *target)
{
    GString *out = page->out;
    g_string_append(out, "<section><header><h2>");
    put(out, label_set_get(target->labels, "service_name"));
    g_string_append(out, "</h2><span>");
    put(out, label_set_get(target->labels, "instance"));
    g_string_append(out, "</span><span class=\"dim\">job ");
    put(out, target->job->name);
    if (*label_set_get(target->labels, "pod") != '\0') {
        g_string_append(out, " · pod ");
        put(out, label_set_get(target->labels, "namespace"));
        g_string_append_c(out, '/');
        put(out, label_set_get(target->labels, "pod"));
    }
    g_string_append(out, " · every ");
    put_time(out, target->job->interval_us);
    g_string_append(out, "</span></header><table><thead><tr><th>type<th>health<th>path<th "
                         "class=\"n\">last<th class=\"n\">took<th class=\"n\">answer<th "
                         "class=\"n\">sent<th class=\"n\">next<th>remark</tr></thead><tbody>");
}

static void
put_remark(GString *out, const ScrapeLoop *loop)
{
    if (loop->ended_us == 0) {
        g_string_append(out, scrape_loop_is_busy(loop) ? "the first scrape is under way" : "");
        return;
    }
    if (loop->result == SCRAPE_OK)
        return;
    g_string_append_printf(out, "<code class=\"dim\">%s</code>", scrape_result_text(loop->result));
    bool says_all = loop->error != NULL && loop->health != SCRAPE_HEALTH_ABSENT;
    put(out, says_all ? loop->error : scrape_result_help(loop->result));
    if (loop->n_failures > 1 && loop->health == SCRAPE_HEALTH_DOWN)
        g_string_append_printf(out, " (%u times in a row)", loop->n_failures);
}

static void
put_cells(const Page *page, const ScrapeLoop *loop)
{
    GString *out = page->out;
    bool has_ended = loop->ended_us > 0;
    g_string_append(out, "<td class=\"n\">");
    if (has_ended) {
        put_time(out, page->now_us - loop->ended_us);
        g_string_append(out, " ago");
    }
    g_string_append(out, "<td class=\"n\">");
    if (has_ended)
        put_time(out, loop->duration_us);
    g_string_append(out, "<td class=\"n\">");
    if (has_ended && loop->body_bytes > 0)
        put_size(out, loop->body_bytes);
    g_string_append(out, "<td class=\"n\">");
    if (loop->n_sent > 0) {
        g_string_append_printf(out, "%" G_GUINT64_FORMAT ", ", loop->n_sent);
        put_size(out, loop->sent_bytes);
    }
    g_string_append(out, "<td class=\"n\">");
    if (scrape_loop_is_busy(loop)) {
        g_string_append(out, "under way");
    } else {
        g_string_append(out, loop->is_retry ? "again in " : "in ");
        put_time(out, MAX(loop->due_us - page->now_us, 0));
    }
}

static void
on_loop(const ScrapeLoop *loop, void *data)
{
    Page *page = data;
    GString *out = page->out;
    const char *health = scrape_health_text(loop->health);
    page->counts[loop->health]++;
    if (page->only != NULL && strcmp(page->only, health) != 0)
        return;
    if (!is_same_target(page->last, loop->target)) {
        end_target(page);
        begin_target(page, loop->target);
        page->last = loop->target;
    }
    page->n_shown++;
    g_string_append(out, "<tr><td class=\"type\">");
    put(out, loop->target->profile->name);
    g_string_append_printf(out,
                           "<td class=\"health\"><span class=\"pill %s\">%s</span><td "
                           "class=\"path\">",
                           health, health);
    put(out, path_of(loop->target->url));
    put_cells(page, loop);
    g_string_append(out, "<td class=\"why\">");
    put_remark(out, loop);
    g_string_append(out, "</tr>");
}

static void
put_notes(Scraper *scraper, GString *out)
{
    g_autofree char *file_error = scraper_file_error(scraper);
    g_auto(GStrv) skipped = scraper_skipped(scraper);
    if (file_error != NULL) {
        g_string_append(out, "<section class=\"note\"><span class=\"pill down\">scrape file</span> "
                             "not taken, the jobs before stay in force: ");
        put(out, file_error);
        g_string_append(out, "</section>");
    }
    if (skipped[0] == NULL)
        return;
    g_string_append(out, "<section class=\"note\"><span class=\"pill absent\">not scraped</span> "
                         "although something asks for it:<ul>");
    for (size_t i = 0; skipped[i] != NULL; i++) {
        g_string_append(out, "<li>");
        put(out, skipped[i]);
    }
    g_string_append(out, "</ul></section>");
}

static void
put_filters(const Page *page, GString *out)
{
    guint all = 0;
    for (size_t i = 0; i < SCRAPE_N_HEALTHS; i++)
        all += page->counts[i];
    g_string_append_printf(out, "<nav><a class=\"pill%s\" href=\"/targets\">all %u</a>",
                           page->only == NULL ? " on" : "", all);
    for (size_t i = 0; i < SCRAPE_N_HEALTHS; i++) {
        const char *health = scrape_health_text((ScrapeHealth)i);
        bool is_on = page->only != NULL && strcmp(page->only, health) == 0;
        if (page->counts[i] > 0 || is_on)
            g_string_append_printf(out,
                                   "<a class=\"pill %s%s\" href=\"/targets?health=%s\">%s %u</a>",
                                   health, is_on ? " on" : "", health, health, page->counts[i]);
    }
    g_string_append(out, "</nav>");
}

/* The health that a query names, or NULL. */
static const char *
health_of(const char *query)
{
    for (size_t i = 0; i < SCRAPE_N_HEALTHS; i++) {
        const char *health = scrape_health_text((ScrapeHealth)i);
        if (g_str_has_prefix(query, "health=") && strcmp(query + strlen("health="), health) == 0)
            return health;
    }
    return NULL;
}

void
scrape_page_write_html(Scraper *scraper, const ScrapePageContext *context, const char *query,
                       GString *out)
{
    g_autoptr(GString) rows = g_string_new(NULL);
    Page page = {.out = rows, .now_us = g_get_monotonic_time(), .only = health_of(query)};
    scraper_each_loop(scraper, on_loop, &page);
    end_target(&page);
    g_string_append(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                         "name=\"viewport\" content=\"width=device-width\"><meta "
                         "http-equiv=\"refresh\" content=\"15\"><title>Targets of ");
    put(out, context->node);
    g_string_append_printf(out, "</title><style>%s</style></head><body><h1>Targets of ", style);
    put(out, context->node);
    g_string_append(out,
                    "</h1><p class=\"dim\">What cresset-agent scrapes from programs that offer "
                    "pprof over HTTP. <a href=\"/api/targets\">As JSON</a></p>");
    if (context->summary != NULL) {
        g_string_append(out, "<p class=\"dim\">");
        put(out, context->summary);
        g_string_append(out, "</p>");
    }
    put_filters(&page, out);
    put_notes(scraper, out);
    g_string_append_len(out, rows->str, (gssize)rows->len);
    if (page.n_shown == 0)
        g_string_append(out, "<section class=\"note dim\">There are none.</section>");
    g_string_append(out, "</body></html>\n");
}

/* --- JSON ------------------------------------------------------------------------------------- */

typedef struct {
    JsonWriter json;
    int64_t now_us, now_s;
} Listing;

static void
write_labels(JsonWriter *json, const LabelSet *labels)
{
    jsonw_object_begin(json);
    for (size_t i = 0; i < label_set_size(labels); i++) {
        const char *name, *value;
        label_set_at(labels, i, &name, &value);
        jsonw_key(json, name);
        jsonw_string(json, value);
    }
    jsonw_object_end(json);
}

static void
write_last(Listing *listing, const ScrapeLoop *loop)
{
    JsonWriter *json = &listing->json;
    int64_t ago_us = listing->now_us - loop->ended_us;
    g_autofree char *at = rfc3339_text(listing->now_s - ago_us / G_USEC_PER_SEC);
    jsonw_key(json, "last_result");
    jsonw_string(json, scrape_result_text(loop->result));
    jsonw_key(json, "last_error");
    jsonw_string(json, loop->error != NULL ? loop->error : "");
    jsonw_key(json, "last_scrape");
    jsonw_string(json, at);
    jsonw_key(json, "last_scrape_ago_seconds");
    jsonw_double(json, (double)ago_us / G_USEC_PER_SEC);
    jsonw_key(json, "last_duration_seconds");
    jsonw_double(json, (double)loop->duration_us / G_USEC_PER_SEC);
    jsonw_key(json, "last_body_bytes");
    jsonw_uint(json, loop->body_bytes);
}

static void
on_listed(const ScrapeLoop *loop, void *data)
{
    Listing *listing = data;
    JsonWriter *json = &listing->json;
    const struct {
        const char *key, *text;
    } texts[] = {
        {"job", loop->target->job->name},
        {"type", loop->target->profile->name},
        {"url", loop->target->url},
        {"health", scrape_health_text(loop->health)},
    };
    jsonw_object_begin(json);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        jsonw_key(json, texts[i].key);
        jsonw_string(json, texts[i].text);
    }
    jsonw_key(json, "labels");
    write_labels(json, loop->target->labels);
    if (loop->ended_us > 0)
        write_last(listing, loop);
    jsonw_key(json, "failures_in_a_row");
    jsonw_uint(json, loop->n_failures);
    jsonw_key(json, "profiles_sent");
    jsonw_uint(json, loop->n_sent);
    jsonw_key(json, "bytes_sent");
    jsonw_uint(json, loop->sent_bytes);
    jsonw_key(json, "is_under_way");
    jsonw_bool(json, scrape_loop_is_busy(loop));
    jsonw_key(json, "next_in_seconds");
    jsonw_double(json, (double)MAX(loop->due_us - listing->now_us, 0) / G_USEC_PER_SEC);
    jsonw_object_end(json);
}

void
scrape_page_write_json(Scraper *scraper, GString *out)
{
    Listing listing = {.now_us = g_get_monotonic_time(),
                       .now_s = g_get_real_time() / G_USEC_PER_SEC};
    JsonWriter *json = &listing.json;
    g_auto(GStrv) skipped = scraper_skipped(scraper);
    g_autofree char *file_error = scraper_file_error(scraper);
    jsonw_init(json, 4096);
    jsonw_object_begin(json);
    jsonw_key(json, "targets");
    jsonw_array_begin(json);
    scraper_each_loop(scraper, on_listed, &listing);
    jsonw_array_end(json);
    jsonw_key(json, "skipped");
    jsonw_array_begin(json);
    for (size_t i = 0; skipped[i] != NULL; i++)
        jsonw_string(json, skipped[i]);
    jsonw_array_end(json);
    if (file_error != NULL) {
        jsonw_key(json, "file_error");
        jsonw_string(json, file_error);
    }
    jsonw_object_end(json);
    g_autoptr(GBytes) text = jsonw_finish(json);
    g_string_append_len(out, g_bytes_get_data(text, NULL), (gssize)g_bytes_get_size(text));
    g_string_append_c(out, '\n');
}
