/* Files of --scrape-file: an error that names the file, or jobs whose targets, of their own and of
 * a pod, have URLs and labels that can be used. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/discovery/pod.h"
#include "agent/scrape/scrape_file.h"
#include "agent/scrape/scrape_loop.h"
#include "lib/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char pod_text[] =
    "{\"metadata\":{\"namespace\":\"shop\",\"name\":\"web-1\",\"uid\":\"u\",\"annotations\":{"
    "\"profiles.grafana.com/memory.scrape\":\"true\","
    "\"profiles.grafana.com/cpu.scrape\":\"true\",\"profiles.grafana.com/cpu.port\":\"6060\","
    "\"profiles.grafana.com/cpu.path\":\"a b?c\"},\"labels\":{\"tier\":\"front\"}},"
    "\"spec\":{\"containers\":[{\"name\":\"app\",\"ports\":[{\"name\":\"http2\","
    "\"containerPort\":80}]},{\"name\":\"bare\"}]},"
    "\"status\":{\"podIP\":\"fd00::7\",\"phase\":\"Running\"}}";

static GPtrArray *
make_pods(void)
{
    g_autoptr(Arena) arena = arena_new(1 << 20);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    GPtrArray *pods = g_ptr_array_new_with_free_func((GDestroyNotify)pod_unref);
    value_reader_begin(reader, VALUE_JSON);
    if (!value_reader_feed(reader, pod_text, strlen(pod_text), NULL))
        abort();
    g_ptr_array_add(pods, pod_new(value_reader_end(reader, NULL)));
    return pods;
}

static void
check_target(ScrapeTarget *target)
{
    const int64_t now_us = INT64_C(1000000000000);
    g_autofree char *url = scrape_target_url(target, 14);
    g_autoptr(GUri) uri = http_url_parse(url);
    if (uri == NULL || strpbrk(url, " \r\n#\"<>") != NULL)
        abort();
    if (*label_set_get(target->labels, "__name__") == '\0' ||
        *label_set_get(target->labels, "service_name") == '\0')
        abort();
    ScrapeLoop *loop = scrape_loop_new(target, now_us);
    if (loop->due_us < now_us || loop->due_us > now_us + 2 * loop->schedule.interval_us)
        abort();
    scrape_loop_begin(loop, loop->due_us);
    if (loop->asked_seconds * G_USEC_PER_SEC > loop->schedule.interval_us)
        abort();
    scrape_loop_free(loop);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) jobs = scrape_file_parse((const char *)data, size, "f.yaml", &error);
    if ((jobs != NULL) != (error == NULL) ||
        (error != NULL && !g_str_has_prefix(error->message, "f.yaml")))
        abort();
    if (jobs == NULL)
        return 0;
    g_autoptr(GPtrArray) pods = make_pods();
    g_autoptr(ScrapeTargets) targets = scrape_targets_new(jobs, pods, "team");
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, targets->targets);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_hash_table_iter_steal(&iter);
        check_target(value);
    }
    return 0;
}
