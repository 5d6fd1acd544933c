/* The selector parser and its regular expressions: any text, matched against a few label sets. */
#include <stdint.h>
#include <stdlib.h>

#include "server/query/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *selector = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(MatcherSet) set = matcher_set_parse(selector, &error);
    if ((set == NULL) != (error != NULL))
        abort();
    if (set == NULL)
        return 0;
    const Label pairs[] = {
        {"service_name", "checkout"}, {"a", "aaaaaaaaaaaaaaaaaaaaaaaa"}, {"b", "\xc3\xa4\n"}};
    g_autoptr(Labels) labels = labels_new(pairs, G_N_ELEMENTS(pairs));
    bool first = matcher_set_match(set, labels);
    if (matcher_set_match(set, labels) != first)
        abort();
    const char *service = matcher_set_service(set);
    if (service != NULL && g_strcmp0(service, "checkout") != 0 && first)
        abort();
    return 0;
}
