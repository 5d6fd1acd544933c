/* What a folder has beside its lists. */
#include "analyzers/collect/folder.h"

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static void
write_file(const TempDir *dir, const char *name, const char *text)
{
    g_autofree char *path = temp_dir_file(dir, name);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static Snapshot *
read_folder(const TempDir *dir)
{
    Snapshot *snapshot = snapshot_new();
    g_autoptr(GError) error = NULL;
    bool is_read = folder_read(snapshot, temp_dir_path(dir), &error);
    assert_no_error(error);
    assert_true(is_read);
    return snapshot;
}

#define SECRET_LIST(more)                                                                          \
    "{\"kind\": \"SecretList\", \"apiVersion\": \"v1\", \"items\": [{\"metadata\": "               \
    "{\"namespace\": \"shop\", \"name\": \"tls\"}" more "}]}"

static void
test_facts_of_the_api_server(void **state)
{
    (void)state;
    TempDir *dir = temp_dir_new();
    write_file(dir, "core_v1_secrets.json", SECRET_LIST(""));
    g_autoptr(Snapshot) without = read_folder(dir);
    assert_null(snapshot_fact(without, FACT_READYZ));
    assert_string_equal(snapshot_fact_problem(without, FACT_READYZ), "the input has no readyz.txt");
    write_file(dir, "readyz.txt", "[-]etcd failed: reason withheld\n\xff");
    write_file(dir, "apiserver.pem", "PEM");
    g_autoptr(Snapshot) with = read_folder(dir);
    assert_string_equal(snapshot_fact(with, FACT_READYZ),
                        "[-]etcd failed: reason withheld\n\uFFFD");
    assert_string_equal(snapshot_fact(with, FACT_CERTIFICATE), "PEM");
    temp_dir_free(dir);
}

static void
test_secrets_with_and_without_content(void **state)
{
    (void)state;
    TempDir *dir = temp_dir_new();
    write_file(dir, "core_v1_secrets.json", SECRET_LIST(""));
    g_autoptr(Snapshot) names = read_folder(dir);
    assert_int_equal(snapshot_list_state(names, KIND_SECRET), LIST_READ);
    assert_string_equal(snapshot_list_problem(names, KIND_TLS_SECRET),
                        "the input has only the metadata of secrets");
    write_file(dir, "core_v1_secrets.json",
               SECRET_LIST(", \"type\": \"kubernetes.io/tls\", \"data\": {\"tls.crt\": \"Cg==\"}"));
    g_autoptr(Snapshot) whole = read_folder(dir);
    assert_int_equal(snapshot_list_state(whole, KIND_TLS_SECRET), LIST_READ);
    assert_int_equal(snapshot_objects(whole, KIND_TLS_SECRET)->len, 1);
    temp_dir_free(dir);
}

static void
test_managed_resources_are_known_by_their_form(void **state)
{
    (void)state;
    TempDir *dir = temp_dir_new();
    write_file(dir, "crds.yaml",
               "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apiextensions.k8s.io/v1, kind: "
               "CustomResourceDefinition, metadata: {name: buckets.s3.x.io}, spec: {names: "
               "{categories: [crossplane, managed]}}}\n");
    g_autoptr(Snapshot) without = read_folder(dir);
    assert_false(snapshot_knows(without, KIND_MANAGED));
    assert_true(snapshot_knows(without, KIND_ARGO_APPLICATION)); /* there is no such definition */
    write_file(dir, "managed.yaml",
               "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: s3.x.io/v1, kind: Bucket, "
               "metadata: {name: logs}, spec: {forProvider: {}, providerConfigRef: {name: a}}}\n");
    g_autoptr(Snapshot) with = read_folder(dir);
    assert_non_null(snapshot_get(with, KIND_MANAGED, "", "bucket.s3.x.io/logs"));
    temp_dir_free(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_of_the_api_server),
        cmocka_unit_test(test_secrets_with_and_without_content),
        cmocka_unit_test(test_managed_resources_are_known_by_their_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
