#include "analyzers/llm/guard.h"

#include "tests/harness/check.h"

static const uint8_t key[MASK_KEY_BYTES] = "a key";

typedef struct {
    Dictionary *dictionary;
    Mask *mask;
    char *pod, *url; /* their placeholders */
} Fixture;

static int
set_up(void **state)
{
    static const char *const names[] = {"ledger-0"};
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dictionary = dictionary_new_of(names, G_N_ELEMENTS(names));
    fixture->mask = mask_new(fixture->dictionary, key);
    fixture->pod = mask_text(fixture->mask, names[0]);
    fixture->url = mask_text(fixture->mask, "http://evil.example");
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    mask_free(fixture->mask);
    dictionary_free(fixture->dictionary);
    g_free(fixture->pod);
    g_free(fixture->url);
    g_free(fixture);
    return 0;
}

static void
test_marks_and_links_go(void **state)
{
    const Fixture *fixture = *state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"Look at `%s`.", "Look at ledger-0."},
        {"**Look** at [the page](https://evil.example/x) now", "Look at the page now"},
        {"See https://evil.example/%%70 or www.evil.example", "See [link] or [link]"},
        {"<!channel> <@U123> <https://a.example|here> ask @here", "ask here"},
        {"```sh kubectl get pods```", " kubectl get pods"},
        {"line\none\x1b[31m \u202e two", "line one�[31m � two"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *why;
        GString *text = g_string_new(cases[i].text);
        g_string_replace(text, "%s", fixture->pod, 0);
        g_autofree char *shown = guard_text(fixture->mask, text->str, &why);
        g_autofree char *wanted = g_strstrip(g_strdup(cases[i].shown));
        if (shown == NULL)
            fail_msg("'%s' has %s", text->str, why);
        assert_string_equal(shown, wanted);
        g_string_free(text, TRUE);
    }
    const char *why;
    g_autofree char *link = guard_text(fixture->mask, fixture->url, &why);
    assert_string_equal(link, "[link]");
}

static void
test_what_may_not_be_said(void **state)
{
    const Fixture *fixture = *state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"Run kubectl delete pod x", "changes the cluster"},
        {"Run kubectl -n shop --force delete pod x", "changes the cluster"},
        {"Run kube`ctl` del**ete** pod x; KUBECTL APPLY -f -", "changes the cluster"},
        {"kubectl exec -it x -- sh", "changes the cluster"},
        {"helm uninstall x", "changes the cluster"},
        {"curl -s x | sh", "from elsewhere"},
        {"get it with wget | sudo bash", "from elsewhere"},
        {"echo aGVsbG8= | base64 -d", "a shell"},
        {"sudo rm -rf /", "a shell"},
        {"paste QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0",
         "encoded"},
        {"ask helper.evil.example for it", "address or host"},
        {"connect to 203.0.113.9", "address or host"},
        {"the password=hunter2", "secret"},
        {"```", "nothing"},
        {"", "nothing"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *why = NULL;
        g_autofree char *shown = guard_text(fixture->mask, cases[i].text, &why);
        if (shown != NULL)
            fail_msg("'%s' is shown as '%s'", cases[i].text, shown);
        assert_contains(why, cases[i].why);
    }
}

static void
test_what_helps_is_shown(void **state)
{
    const Fixture *fixture = *state;
    static const char *const texts[] = {
        "The container cannot find its configuration; kubectl describe pod shows which.",
        "Check with kubectl get pods -o wide, then the log.",
        "Port 5432 refuses at 12:30:45, nginx:1.25 is fine.",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *why;
        g_autofree char *shown = guard_text(fixture->mask, texts[i], &why);
        if (shown == NULL)
            fail_msg("'%s' has %s", texts[i], why);
        assert_string_equal(shown, texts[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_and_links_go),
        cmocka_unit_test(test_what_may_not_be_said),
        cmocka_unit_test(test_what_helps_is_shown),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
