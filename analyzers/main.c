/* cresset-analyzer: what is wrong in a cluster, in plain English. */
#include <stdio.h>
#include <string.h>

#include "analyzers/catalog.h"
#include "analyzers/heartbeat.h"
#include "analyzers/run.h"
#include "analyzers/scan.h"
#include "lib/base/option_help.h"

static const Verb verbs[] = {
    {"scan", "look at a cluster once and say what is wrong", NULL, &scan_option_table,
     sizeof(ScanOptions), scan_run},
    {"run", "what a CronJob does: scan, remember, tell the webhook what has changed", NULL,
     &run_option_table, sizeof(RunOptions), run_run},
    {"heartbeat", "say of each node whether its collectors report", NULL, &heartbeat_option_table,
     sizeof(HeartbeatOptions), heartbeat_run},
    {"explain", "say what a check looks for, and what to do about it", "CHECK",
     &explain_option_table, sizeof(CatalogOptions), explain_run},
    {"checks", "list every check", NULL, &catalog_option_table, sizeof(CatalogOptions),
     catalog_run},
};

static void
print_usage(FILE *out)
{
    (void)fputs("Usage: cresset-analyzer VERB [OPTION]...\n\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        g_autofree char *call = g_strdup_printf("%s %s", verbs[i].name,
                                                verbs[i].argument != NULL ? verbs[i].argument : "");
        (void)fprintf(out, "  %-16s %s\n", call, verbs[i].help);
    }
    (void)fputs(
        "\ncresset-analyzer VERB --help lists the options of a verb, --version says which one "
        "this is.\n",
        out);
}

/* The page of docs/reference. */
static void
print_markdown(void)
{
    (void)puts("# cresset-analyzer\n\nSays what is wrong in a cluster, in plain English.\n");
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
        (void)printf("- `cresset-analyzer %s%s%s`: %s\n", verbs[i].name,
                     verbs[i].argument != NULL ? " " : "",
                     verbs[i].argument != NULL ? verbs[i].argument : "", verbs[i].help);
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        g_autofree char *page = option_help_markdown(verbs[i].options);
        (void)printf("\n#%s", page);
    }
}

static int
print_version(int argc, char **argv)
{
    static const OptionTable own = {.program = "cresset-analyzer"};
    g_autoptr(GError) error = NULL;
    if (option_parse(&own, argc, argv, NULL, &error) == OPTION_DONE)
        return EXIT_NOTHING;
    (void)fprintf(stderr, "cresset-analyzer: %s\n", error->message);
    return EXIT_NOT_RUN;
}

/* argv[1] is the verb. */
static int
run_verb(const Verb *verb, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree void *options = g_malloc0(verb->options_size);
    int skipped = 1, status = EXIT_NOT_RUN;
    const char *argument = NULL;
    if (verb->argument != NULL && argc > 2 && argv[2][0] != '-') {
        argument = argv[2];
        skipped = 2;
    }
    argv[skipped] = argv[0];
    OptionResult result =
        option_parse(verb->options, argc - skipped, argv + skipped, options, &error);
    if (result == OPTION_DONE)
        status = EXIT_NOTHING;
    else if (result == OPTION_ERROR)
        (void)fprintf(stderr, "cresset-analyzer: %s\n", error->message);
    else if (verb->argument != NULL && argument == NULL)
        (void)fprintf(stderr, "cresset-analyzer: %s needs %s\n", verb->name, verb->argument);
    else
        status = verb->run(options, argument);
    option_clear(verb->options, options);
    return status;
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_NOTHING;
    }
    if (strcmp(name, "--version") == 0)
        return print_version(argc, argv);
    if (strcmp(name, "--help-markdown") == 0) {
        print_markdown();
        return EXIT_NOTHING;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return run_verb(&verbs[i], argc, argv);
    }
    if (name[0] != '\0')
        (void)fprintf(stderr, "cresset-analyzer: there is no verb '%s'\n", name);
    print_usage(stderr);
    return EXIT_NOT_RUN;
}
