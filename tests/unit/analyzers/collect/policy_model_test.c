/* Random clusters: the evaluator, which reads objects, against a second one. */
#include "tests/harness/check.h"
#include "tests/harness/policy_model.h"

static void
test_random_clusters_agree_with_a_second_evaluator(void **state)
{
    (void)state;
    enum { CLUSTERS = 400 };
    guint counts[3] = {0, 0, 0};
    for (guint32 seed = 0; seed < CLUSTERS; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        guint8 bytes[POLICY_MODEL_BYTES];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (guint8)g_rand_int(rand);
        g_autofree char *text = policy_model_disagreement(bytes, sizeof bytes, counts);
        if (text != NULL)
            fail_msg("%s", text);
    }
    /* All three verdicts were really compared. */
    for (int i = 0; i < 3; i++)
        assert_true(counts[i] > 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_clusters_agree_with_a_second_evaluator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
