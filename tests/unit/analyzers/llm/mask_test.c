#include "analyzers/llm/mask.h"

#include <string.h>

#include "analyzers/llm/vocabulary.h"
#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

static const uint8_t key[MASK_KEY_BYTES] = "one key";
static const uint8_t other_key[MASK_KEY_BYTES] = "another key";

static const char objects[] =
    "apiVersion: v1\n"
    "kind: Namespace\n"
    "metadata: {name: payments}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: Pod\n"
    "metadata: {namespace: payments, name: ledger-7d9c4bf5d6-x2x4z, labels: {team: falcons}}\n"
    "spec:\n"
    "  nodeName: worker-7.acme\n"
    "  containers:\n"
    "  - name: book\n"
    "    image: registry.acme.io:5000/core/ledger:release-9\n"
    "    envFrom: [{configMapRef: {name: absent-settings}}]\n"
    "    env: [{name: SOME_VARIABLE, value: x}]\n"
    "  - {name: side, image: \"docker.io/library/nginx:1.25\"}\n"
    "status: {podIP: 10.4.5.6}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {namespace: payments, name: ledger}\n"
    "---\n"
    "apiVersion: networking.k8s.io/v1\n"
    "kind: Ingress\n"
    "metadata: {namespace: payments, name: front}\n"
    "spec: {rules: [{host: pay.acme.example}]}\n";

static void
test_names_go_and_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *text, *gone, *stays;
    } cases[] = {
        {"Pod payments/ledger-7d9c4bf5d6-x2x4z waits", "payments", "Pod "},
        {"pod ledger-7d9c4bf5d6-x2x4z waits", "7d9c4", " waits"},
        {"pod ledger-5f6d7c8b9-zzz22 of another time", "ledger", "-5f6d7c8b9-zzz22 of"},
        {"ledger-secret-project", "project", "name-"},
        {"PAYMENTS_SERVICE_HOST is set", "PAYMENTS", " is set"},
        {"image registry.acme.io:5000/core/ledger:release-9 is gone", "acme", " is gone"},
        {"image registry.acme.io:5000/core/other:8", "acme", ":8"},
        {"nginx:1.25 in kube-system runs on port 8080", "\x01",
         "nginx:1.25 in kube-system runs on port 8080"},
        {"node worker-7.acme is not ready", "worker", "node-"},
        {"ConfigMap absent-settings", "absent", "ConfigMap "},
        {"label falcons", "falcons", "label "},
        {"dial tcp 10.4.5.6:5432: refused", "10.4", ":5432: refused"},
        {"dial tcp 192.168.77.1:80", "192.168", ":80"},
        {"GET http://10.9.8.7:8080/v1/users/alice?x=1 gave 500", "alice", ":8080/path-"},
        {"lookup db.internal.acme.example: no such host", "acme", ": no such host"},
        {"spec.containers{book}: CrashLoopBackOff", "book", "CrashLoopBackOff"},
        {"User \"jane\" cannot list", "jane", " cannot list"},
        {"system:serviceaccount:gone:robot cannot", "robot", " cannot"},
        {"[fd00:12::1]:53", "fd00", ":53"},
        {"uid 01234567-89ab-cdef-0123-456789abcdef", "89ab", "uid "},
        {"volume vol-0a1b2c3d4e5f6a7b8 is attached", "0a1b", " is attached"},
        {"password=hunter2", "hunter2", "password="},
        {"at 12:30:45 networking.k8s.io and java.lang.OutOfMemoryError", "\x01",
         "at 12:30:45 networking.k8s.io and java.lang.OutOfMemoryError"},
    };
    g_autoptr(TestCluster) cluster = test_cluster_new(objects);
    g_autoptr(Dictionary) dictionary =
        dictionary_new(test_cluster_snapshot(cluster), "prod-eu", true, NULL);
    g_autoptr(Mask) mask = mask_new(dictionary, key);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *masked = mask_text(mask, cases[i].text);
        assert_lacks(masked, cases[i].gone);
        assert_contains(masked, cases[i].stays);
        const char *leak = mask_find_leak(mask, masked);
        if (leak != NULL)
            fail_msg("'%s' has %s", masked, leak);
    }
    g_autofree char *masked = mask_text(mask, "Pod payments/ledger-7d9c4bf5d6-x2x4z");
    g_autofree char *restored = mask_restore(mask, masked);
    assert_string_equal(restored, "Pod payments/ledger-7d9c4bf5d6-x2x4z");
}

static void
test_placeholders_are_stable(void **state)
{
    (void)state;
    static const char *const names[] = {"ledger", "front", "other"};
    static const char *const fewer[] = {"front", "ledger"};
    g_autoptr(Dictionary) all = dictionary_new_of(names, G_N_ELEMENTS(names));
    g_autoptr(Dictionary) some = dictionary_new_of(fewer, G_N_ELEMENTS(fewer));
    g_autoptr(Mask) one = mask_new(all, key);
    g_autoptr(Mask) two = mask_new(some, key);
    g_autoptr(Mask) foreign = mask_new(all, other_key);
    g_autofree char *a = mask_text(one, "other front ledger"), *b = mask_text(two, "ledger");
    g_autofree char *c = mask_text(foreign, "ledger");
    assert_true(g_str_has_suffix(a, b));
    assert_string_not_equal(b, c);
}

static void
test_only_exact_placeholders_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {"ledger"};
    g_autoptr(Dictionary) dictionary = dictionary_new_of(names, 1);
    g_autoptr(Mask) mask = mask_new(dictionary, key);
    g_autofree char *masked = mask_text(mask, "ledger");
    g_autofree char *longer = g_strconcat(masked, "0 ", masked, " pod-123456 http://x", NULL);
    g_autofree char *restored = mask_restore(mask, longer);
    g_autofree char *wanted = g_strconcat(masked, "0 ledger pod-123456 http://x", NULL);
    assert_string_equal(restored, wanted);
    g_autofree char *link = mask_text(mask, "see http://evil.example/x");
    g_autofree char *back = mask_restore(mask, link);
    assert_string_equal(back, "see [link]/[link]");
}

static void
test_leaks_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"ledger", "long-secret-name", "web"};
    static const struct {
        const char *text, *leak;
    } cases[] = {
        {"the Ledger is", "a name"},      {"ledgers are", NULL},
        {"xlong_secret_namex", "a name"}, {"at 10.0.0.7", "an address"},
        {"http://x", "an address"},       {"a@example.com", "a secret"},
        {"token=abc", "a secret"},        {"web", NULL},
        {"pod-12ab34 is fine", NULL},
    };
    g_autoptr(Dictionary) dictionary = dictionary_new_of(names, G_N_ELEMENTS(names));
    g_autoptr(Mask) mask = mask_new(dictionary, key);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *leak = mask_find_leak(mask, cases[i].text);
        if (cases[i].leak == NULL && leak != NULL)
            fail_msg("'%s' has no %s", cases[i].text, leak);
        if (cases[i].leak != NULL)
            assert_contains(leak, cases[i].leak);
    }
}

/* ---- Generated names. ---- */

/* With the marks of regular expressions, letters beyond ASCII, and beginnings of one another. */
static char *
make_name(GRand *random, const GPtrArray *names)
{
    static const char *const parts[] = {"db",  "pay", "-", ".",    "*",      "+",  "(", "[a-z]",
                                        "\\d", "$",   "^", "|",    "ä",      "名", "🔥", "x",
                                        "Q",   "_",   "7", "prod", "ledger", "\"", " "};
    GString *name = g_string_new(NULL);
    if (names->len > 0 && g_rand_int_range(random, 0, 3) == 0)
        g_string_append(name, names->pdata[g_rand_int_range(random, 0, (gint32)names->len)]);
    for (int n = g_rand_int_range(random, 1, 6); n > 0; n--)
        g_string_append(name, parts[g_rand_int_range(random, 0, (gint32)G_N_ELEMENTS(parts))]);
    return g_string_free(name, FALSE);
}

static bool
is_alone(const char *text, const char *at, size_t n)
{
    bool before = at > text && (g_ascii_isalnum(at[-1]) || at[-1] & 0x80) &&
                  (g_ascii_isalnum(*at) || *at & 0x80);
    bool behind = (g_ascii_isalnum(at[n]) || at[n] & 0x80) &&
                  (g_ascii_isalnum(at[n - 1]) || at[n - 1] & 0x80);
    return !before && !behind;
}

/* No original stands in the text by itself; one of eight bytes stands nowhere. */
static void
check_hidden(const char *masked, const char *name)
{
    size_t n = strlen(name);
    if (word_is_number(name, n) || vocabulary_has(name, n))
        return;
    for (const char *at = masked; (at = strstr(at, name)) != NULL; at++) {
        bool has_letter = false;
        for (size_t i = 0; i < n; i++)
            has_letter |= g_ascii_isalnum(name[i]) || name[i] & 0x80;
        if (n >= 8 || (has_letter && n >= 4 && is_alone(masked, at, n)))
            fail_msg("'%s' is seen in '%s'", name, masked);
    }
}

static void
test_no_generated_name_is_seen(void **state)
{
    (void)state;
    static const char *const between[] = {" ", "/",  ": ",  "\" ", " in ",
                                          "(", ", ", "-x ", "=",   " \u200b"};
    for (guint32 seed = 0; seed < 400; seed++) {
        g_autoptr(GRand) random = g_rand_new_with_seed(seed);
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        for (int i = 0; i < 12; i++)
            g_ptr_array_add(names, make_name(random, names));
        GString *text = g_string_new("failed");
        for (int i = 0; i < 20; i++)
            g_string_append_printf(text, "%s%s",
                                   between[g_rand_int_range(random, 0, G_N_ELEMENTS(between))],
                                   (const char *)names->pdata[g_rand_int_range(random, 0, 12)]);
        g_autoptr(Dictionary) dictionary =
            dictionary_new_of((const char *const *)names->pdata, names->len);
        g_autoptr(Mask) mask = mask_new(dictionary, key);
        g_autofree char *masked = mask_text(mask, text->str);
        for (guint i = 0; i < names->len; i++)
            check_hidden(masked, names->pdata[i]);
        g_string_free(text, TRUE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_go_and_come_back),
        cmocka_unit_test(test_placeholders_are_stable),
        cmocka_unit_test(test_only_exact_placeholders_come_back),
        cmocka_unit_test(test_leaks_are_found),
        cmocka_unit_test(test_no_generated_name_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
