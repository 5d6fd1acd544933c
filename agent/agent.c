#include "agent/agent.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/cluster.h"
#include "agent/discovery/discovery.h"
#include "agent/export/exporter.h"
#include "agent/scrape/scrape_page.h"
#include "agent/status.h"
#include "lib/base/metrics.h"

enum {
    NS_PER_MS = 1000000,
    LOOK_S = 1,                  /* between two looks at the endpoints */
    START_SPREAD_MS = 10 * 1000, /* 5,000 agents: 500 lists a second, from caches */
    FIRST_WINDOW_MS = 5000,      /* at most: there is something to see soon after the start */
    FAILING_WINDOWS_MAX = 3,     /* pushes may fail for so many windows before /ready says so */
};

typedef struct {
    const AgentOptions *options;
    GMainLoop *loop;
    Discovery *discovery;
    EndpointFile *endpoint_file; /* NULL: there is none */
    GPtrArray *endpoints;        /* that the shipper has */
    Shipper *shipper;
    Exporter *exporter;
    Sampler *sampler; /* NULL: nothing is sampled */
    Scraper *scraper;
    StatusServer *status;
    guint window_timer, look_timer; /* 0: none */
} Agent;

static gboolean
on_window(gpointer data)
{
    Agent *agent = data;
    if (agent->sampler != NULL)
        sampler_drain(agent->sampler);
    exporter_end_window(agent->exporter);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_first_window(gpointer data)
{
    Agent *agent = data;
    on_window(agent);
    agent->window_timer =
        g_timeout_add((guint)(agent->options->window_ns / NS_PER_MS), on_window, agent);
    return G_SOURCE_REMOVE;
}

static gboolean
on_look(gpointer data)
{
    Agent *agent = data;
    g_autoptr(GPtrArray) endpoints = endpoint_file_endpoints(agent->endpoint_file);
    if (endpoints == agent->endpoints)
        return G_SOURCE_CONTINUE;
    shipper_set_endpoints(agent->shipper, endpoints);
    g_ptr_array_unref(agent->endpoints);
    agent->endpoints = g_steal_pointer(&endpoints);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_quit(gpointer data)
{
    Agent *agent = data;
    g_main_loop_quit(agent->loop);
    return G_SOURCE_CONTINUE;
}

/* --- what is served --------------------------------------------------------------------------- */

static void
on_metrics(GString *out, const char *query, void *data)
{
    (void)query;
    Agent *agent = data;
    if (agent->sampler != NULL)
        sampler_write_metrics(agent->sampler, out);
    exporter_write_metrics(agent->exporter, out);
    shipper_write_metrics(agent->shipper, out);
    if (agent->endpoint_file != NULL)
        endpoint_file_write_metrics(agent->endpoint_file, out);
    discovery_write_metrics(agent->discovery, out);
    scraper_write_metrics(agent->scraper, out);
    metrics_write_process(out, "cresset-agent");
}

static void
on_problems(GString *out, const char *query, void *data)
{
    (void)query;
    Agent *agent = data;
    if (agent->sampler != NULL)
        exporter_check(agent->exporter, out);
    shipper_check(agent->shipper, out);
    discovery_check(agent->discovery, out);
}

static void
on_targets(GString *out, const char *query, void *data)
{
    Agent *agent = data;
    g_autofree char *summary =
        agent->sampler != NULL
            ? g_strdup_printf("By eBPF, without being asked: %u processes in the last window.",
                              exporter_processes(agent->exporter))
            : NULL;
    const ScrapePageContext context = {.node = agent_options_node(agent->options),
                                       .summary = summary};
    scrape_page_write_html(agent->scraper, &context, query, out);
}

static void
on_targets_json(GString *out, const char *query, void *data)
{
    (void)query;
    scrape_page_write_json(((Agent *)data)->scraper, out);
}

/* The loop turns. */
static void
on_health(GString *out, const char *query, void *data)
{
    (void)query;
    (void)data;
    g_string_append(out, "ok\n");
}

static const StatusRoute routes[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", on_metrics, false},
    {"/ready", "text/plain; charset=utf-8", on_problems, true},
    {"/healthz", "text/plain; charset=utf-8", on_health, false},
    {"/targets", "text/html; charset=utf-8", on_targets, false},
    {"/api/targets", "application/json", on_targets_json, false},
};

/* --- start ------------------------------------------------------------------------------------ */

static int
fail(const char *message, int status)
{
    (void)fprintf(stderr, "cresset-agent: %s\n", message);
    return status;
}

/* Says what works less well, each requirement on a line of its own. */
static void
say_missing(void)
{
    g_autoptr(GString) report = g_string_new(NULL);
    (void)sampler_probe(report);
    g_auto(GStrv) lines = g_strsplit(report->str, "\n", -1);
    for (size_t i = 0; lines[i] != NULL; i++)
        if (lines[i][0] != '\0')
            g_warning("%s", lines[i]);
}

static bool
start_discovery(Agent *agent, GError **error)
{
    const AgentOptions *options = agent->options;
    g_autoptr(GError) failure = NULL;
    K8sConfig *cluster = cluster_load(options, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    bool has_kubeconfig = options->kubeconfig != NULL && options->kubeconfig[0] != '\0';
    bool asks_kubelet = agent_options_asks_kubelet(options);
    const DiscoveryConfig config = {
        .node = agent_options_node(options),
        .scheme = agent_options_targeting(options),
        .relabel_file = options->relabel_file,
        /* All agents of a cluster may start at once, but not those of a person who tries it. */
        .start_spread_ms = has_kubeconfig || asks_kubelet ? 0 : START_SPREAD_MS,
        .poll_ms = asks_kubelet ? options->kubelet_interval_ns / NS_PER_MS : 0,
        .retry_max_ms = options->kubernetes_retry_max_ns / NS_PER_MS,
        .silence_ms = options->kubernetes_silence_ns / NS_PER_MS,
        .tenant_label = options->tenant_label,
        .docker_socket = options->docker_socket,
        .cluster = cluster,
    };
    agent->discovery = discovery_new(&config, error);
    return agent->discovery != NULL;
}

/* Says where profiles go, without what is secret in it. */
static void
say_endpoints(const AgentOptions *options, const GPtrArray *endpoints)
{
    g_autoptr(GString) urls = g_string_new(NULL);
    for (guint i = 0; i < endpoints->len; i++)
        g_string_append_printf(urls, "%s%s", i > 0 ? ", " : "",
                               ((const Endpoint *)endpoints->pdata[i])->shown_url);
    if (options->ebpf)
        g_message("profiling this machine at %g Hz for %s", options->rate_hz, urls->str);
    else
        g_message("scraping profiles for %s", urls->str);
}

static bool
start_shipper(Agent *agent, GError **error)
{
    const AgentOptions *options = agent->options;
    agent->endpoints = agent_options_endpoints(options, &agent->endpoint_file, error);
    if (agent->endpoints == NULL)
        return false;
    bool has_spool = options->spool_dir != NULL && options->spool_dir[0] != '\0';
    const ShipperConfig config = {
        .endpoints = agent->endpoints,
        .queue_bytes = (size_t)options->queue_bytes,
        .spool_dir = has_spool ? options->spool_dir : NULL,
        .spool_bytes = options->spool_bytes,
        .age_max_ms = options->spool_age_ns / NS_PER_MS,
        .patience_ms = FAILING_WINDOWS_MAX * options->window_ns / NS_PER_MS,
    };
    agent->shipper = shipper_new(&config);
    say_endpoints(options, agent->endpoints);
    if (agent->endpoint_file != NULL)
        agent->look_timer = g_timeout_add_seconds(LOOK_S, on_look, agent);
    return true;
}

static bool
start_exporter(Agent *agent, GError **error)
{
    const AgentOptions *options = agent->options;
    ExporterConfig config = {
        .shipper = agent->shipper,
        .discovery = agent->discovery,
        .symbolizer = {.cache_bytes = (size_t)options->symbol_cache_bytes},
        .node = agent_options_node(options),
        .labels = (const char *const *)options->labels,
        .period_ns = (int64_t)(1e9 / options->rate_hz + 0.5),
    };
    agent->exporter = exporter_new(&config, error);
    return agent->exporter != NULL;
}

static bool
start_sampler(Agent *agent, GError **error)
{
    const AgentOptions *options = agent->options;
    SamplerConfig config = {
        .rate_hz = options->rate_hz,
        .variant = agent_options_variant(options),
        .table_bytes_max = (uint64_t)options->unwind_table_bytes,
        .without_kernel_stacks = !options->kernel_stacks,
        .with_statistics = options->bpf_statistics,
    };
    agent->sampler = sampler_new(&config, exporter_add, agent->exporter, error);
    return agent->sampler != NULL && sampler_start(agent->sampler, error);
}

static bool
start_scraper(Agent *agent, GError **error)
{
    const ScraperConfig config = {
        .file = agent->options->scrape_file,
        .has_annotations = agent->options->scrape_annotations,
        .discovery = agent->discovery,
        .tenant_label = agent->options->tenant_label,
        .sink = exporter_push,
        .sink_data = agent->exporter,
    };
    agent->scraper = scraper_new(&config, error);
    return agent->scraper != NULL;
}

static bool
start_status(Agent *agent, GError **error)
{
    const char *listen = agent->options->listen;
    if (listen == NULL || listen[0] == '\0')
        return true;
    agent->status = status_server_new(listen, routes, G_N_ELEMENTS(routes), agent, error);
    if (agent->status != NULL)
        g_message("listening on http://%s", status_server_address(agent->status));
    return agent->status != NULL;
}

static void
clear_timers(Agent *agent)
{
    g_clear_handle_id(&agent->window_timer, g_source_remove);
    g_clear_handle_id(&agent->look_timer, g_source_remove);
}

static void
agent_clear(Agent *agent)
{
    clear_timers(agent);
    status_server_free(agent->status);
    scraper_free(agent->scraper);
    sampler_free(agent->sampler);
    exporter_free(agent->exporter);
    shipper_free(agent->shipper);
    g_clear_pointer(&agent->endpoints, g_ptr_array_unref);
    endpoint_file_close(agent->endpoint_file);
    discovery_free(agent->discovery);
    g_main_loop_unref(agent->loop);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Agent, agent_clear)

/* The last window is symbolized and sent, within the time that is allowed for both. */
static void
stop_shipping(Agent *agent)
{
    int64_t timeout_ms = agent->options->stop_timeout_ns / NS_PER_MS;
    int64_t start_us = g_get_monotonic_time();
    exporter_stop(agent->exporter, timeout_ms);
    int64_t spent_ms = (g_get_monotonic_time() - start_us) / 1000;
    shipper_stop(agent->shipper, MAX(timeout_ms - spent_ms, 0));
}

int
agent_run(const AgentOptions *options)
{
    g_auto(Agent) agent = {.options = options, .loop = g_main_loop_new(NULL, FALSE)};
    g_autoptr(GError) error = NULL;
    g_unix_signal_add(SIGTERM, on_quit, &agent);
    g_unix_signal_add(SIGINT, on_quit, &agent);
    if (!start_discovery(&agent, &error) || !start_shipper(&agent, &error) ||
        !start_exporter(&agent, &error) || !start_scraper(&agent, &error))
        return fail(error->message, AGENT_EXIT_BAD_OPTION);
    if (options->ebpf && !start_sampler(&agent, &error))
        return fail(error->message, AGENT_EXIT_FAILED);
    if (options->ebpf)
        say_missing();
    if (!start_status(&agent, &error))
        return fail(error->message, AGENT_EXIT_FAILED);
    agent.window_timer = g_timeout_add((guint)MIN(options->window_ns / NS_PER_MS, FIRST_WINDOW_MS),
                                       on_first_window, &agent);
    g_main_loop_run(agent.loop);
    g_message("stopping");
    clear_timers(&agent); /* what is freed below turns the loop to end what is under way */
    if (agent.sampler != NULL)
        sampler_stop(agent.sampler);
    g_clear_pointer(&agent.status, status_server_free); /* which asks the scraper */
    g_clear_pointer(&agent.scraper, scraper_free);
    stop_shipping(&agent);
    return AGENT_EXIT_OK;
}
