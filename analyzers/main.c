/* cresset-analyzer: what is wrong in a cluster, in plain English. */
#include <stdio.h>
#include <string.h>

#include "analyzers/scan.h"

enum { EXIT_USAGE = 2 };

static const struct {
    const char *verb, *help;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"scan", "look at a cluster once and say what is wrong", scan_main},
};

static void
print_usage(FILE *out)
{
    (void)fputs("Usage: cresset-analyzer VERB [OPTION]...\n\n", out);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        (void)fprintf(out, "  %-10s %s\n", verbs[i].verb, verbs[i].help);
    (void)fputs("\ncresset-analyzer VERB --help lists the options of a verb.\n", out);
}

int
main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].verb, verb) == 0) {
            argv[1] = argv[0];
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    if (verb[0] != '\0')
        (void)fprintf(stderr, "cresset-analyzer: there is no verb '%s'\n", verb);
    print_usage(stderr);
    return EXIT_USAGE;
}
