/* Clusters with NetworkPolicies, made from any bytes: the evaluator agrees with a second one. */
#include <stddef.h>
#include <stdint.h>

#include "tests/harness/policy_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint counts[3] = {0};
    g_autofree char *text = policy_model_disagreement(data, size, counts);
    if (text != NULL)
        g_error("%s", text);
    return 0;
}
