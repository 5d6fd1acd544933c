/* What is read of an answer of Docker or Podman. */
#include "agent/discovery/local_container.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/unit/agent/discovery/made_containers.h"

#define ID   MADE_ID("a")
#define HEAD "{'Id':'" ID "'"

/* Docker tells of a container of Compose. */
static void
test_what_is_kept(void **state)
{
    (void)state;
    g_autoptr(LocalContainer) container = made_container(
        HEAD ",'Names':['/shop-web-1'],'Image':'shop/web:7','ImageID':'sha256:00','Command':"
             "'/bin/web --port 80','Created':1764320400,'Ports':[{'IP':'0.0.0.0','PrivatePort':80,"
             "'PublicPort':8080,'Type':'tcp'}],'Labels':{'com.docker.compose.project':'shop',"
             "'com.docker.compose.service':'web','team':'blue','empty':''},'State':'running',"
             "'Status':'Up 2 hours','HostConfig':{'NetworkMode':'shop_default'},"
             "'NetworkSettings':{'Networks':{'shop_default':{'IPAddress':'172.18.0.2'}}},"
             "'Mounts':[]}");
    assert_string_equal(container->id, ID);
    assert_string_equal(container->name, "shop-web-1");
    assert_string_equal(container->image, "shop/web:7");
    assert_string_equal(container->service, "web");
    assert_int_equal(label_set_size(container->labels), 3);
    assert_string_equal(label_set_get(container->labels, "team"), "blue");
}

/* As Podman 4.3 answers: what is an object with Docker is null here, or not there. */
static void
test_what_podman_tells(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) containers = made_containers(
        "[" HEAD ",'Names':['/shop-web-1'],'Image':'localhost/shop/web:7','ImageID':'sha256:00',"
        "'Command':'/bin/web','Created':1764320400,'Ports':[],'Labels':{"
        "'com.docker.compose.service':'web'},'State':'created','Status':'Created',"
        "'NetworkSettings':{'Networks':null},'Mounts':[],'Name':'','Config':null,"
        "'NetworkingConfig':null,'Platform':null,'AdjustCPUShares':false},"
        "{'Id':'" MADE_ID("b") "','Names':['/db'],'Image':'','Labels':{},'Config':null}]");
    assert_int_equal(containers->len, 2);
    const LocalContainer *web = containers->pdata[0], *db = containers->pdata[1];
    assert_string_equal(web->name, "shop-web-1");
    assert_string_equal(web->service, "web");
    assert_string_equal(web->image, "localhost/shop/web:7");
    assert_string_equal(db->name, "db");
    assert_null(db->image);
    assert_null(db->service);
}

static void
expect_name(const char *names, const char *wanted)
{
    g_autofree char *json = g_strdup_printf(HEAD ",'Names':%s,'Labels':null}", names);
    g_autoptr(LocalContainer) container = made_container(json);
    if (g_strcmp0(container->name, wanted) != 0)
        fail_msg("%s: the name is %s", names, container->name);
    assert_null(container->image);
    assert_null(container->service);
    assert_int_equal(label_set_size(container->labels), 0);
}

static void
test_names(void **state)
{
    (void)state;
    expect_name("['/web/db','/db','/other/db']", "db"); /* of linked containers */
    expect_name("['db']", "db");
    expect_name("['/']", NULL);
    expect_name("[7,{},'/a/b']", NULL);
    expect_name("[]", NULL);
    expect_name("null", NULL);
    expect_name("'/db'", NULL);
}

static void
test_ids(void **state)
{
    (void)state;
    static const char *const none[] = {"{}", "{'Id':''}", "{'Id':'" ID "a'}", "{'Id':'../etc'}",
                                       "[]", "null",      "{'Id':['" ID "']}"};
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
        assert_null(made_container(none[i]));
    assert_false(local_container_is_id("A" ID));
    g_autofree char *upper = g_ascii_strup(ID, -1);
    assert_false(local_container_is_id(upper));
    assert_true(local_container_is_id(ID));
}

/* Whoever makes a container writes its labels. */
static void
test_labels_are_bounded(void **state)
{
    (void)state;
    g_autofree char *long_value = g_strnfill(LOCAL_CONTAINER_TEXT_BYTES_MAX + 1, 'v');
    g_autofree char *large_value = g_strnfill(LOCAL_CONTAINER_TEXT_BYTES_MAX, 'w');
    g_autoptr(GString) json = g_string_new(HEAD ",'Labels':{'':'x','number':7,'map':{'a':'b'}");
    g_string_append_printf(json, ",'long':'%s'", long_value);
    for (int i = 0; i < 2 * LOCAL_CONTAINER_LABELS_MAX; i++)
        g_string_append_printf(json, ",'l%03d':'x'", i);
    g_string_append(json, ",'com.docker.compose.service':'web'}}");
    g_autoptr(LocalContainer) many = made_container(json->str);
    assert_int_equal(label_set_size(many->labels), LOCAL_CONTAINER_LABELS_MAX);
    assert_string_equal(label_set_get(many->labels, "long"), "");
    assert_string_equal(many->service, "web");
    g_string_assign(json, HEAD ",'Labels':{'a':'x'");
    for (int i = 0; i < 16; i++)
        g_string_append_printf(json, ",'l%02d':'%s'", i, large_value);
    g_string_append(json, ",'z':'x'}}");
    g_autoptr(LocalContainer) large = made_container(json->str);
    assert_int_equal(label_set_size(large->labels), 1 + 7 + 1); /* 7 · 2051 < 16 KiB - 2 */
    assert_string_equal(label_set_get(large->labels, "z"), "x");
    g_autofree char *named = g_strdup_printf(HEAD ",'Names':['/%s']}", long_value);
    g_autoptr(LocalContainer) nameless = made_container(named);
    assert_null(nameless->name);
}

static void
test_lists_are_bounded(void **state)
{
    (void)state;
    g_autoptr(GString) json = g_string_new("[{}");
    for (int i = 0; i <= LOCAL_CONTAINERS_MAX; i++)
        g_string_append_printf(json, ",{'Id':'%064x'}", i);
    g_string_append_c(json, ']');
    g_autoptr(GPtrArray) containers = made_containers(json->str);
    assert_int_equal(containers->len, LOCAL_CONTAINERS_MAX);
}

static void
expect_no_list(const char *text, int code, const char *part)
{
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    g_autoptr(GError) error = NULL;
    assert_null(local_container_read_list(body, &error));
    assert_int_equal(error->code, code);
    assert_error_says(error, part);
}

static void
test_what_is_no_list(void **state)
{
    (void)state;
    expect_no_list("", CRESSET_ERROR_INVALID_ARGUMENT, "");
    expect_no_list("<html>", CRESSET_ERROR_INVALID_ARGUMENT, "");
    expect_no_list("[{\"Id\":\"", CRESSET_ERROR_INVALID_ARGUMENT, "");
    expect_no_list("{\"message\":\"no\"}", CRESSET_ERROR_INVALID_ARGUMENT, "no list of containers");
    enum { NUMBERS = 1024 * 1024 };
    g_autofree char *numbers = g_strnfill(2 * NUMBERS, '1');
    for (size_t i = 0; i < 2 * NUMBERS; i += 2)
        numbers[i] = i == 0 ? '[' : ',';
    numbers[2 * NUMBERS - 1] = ']';
    numbers[2 * NUMBERS - 2] = '1';
    expect_no_list(numbers, CRESSET_ERROR_RESOURCE_EXHAUSTED, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_what_podman_tells),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_labels_are_bounded),
        cmocka_unit_test(test_lists_are_bounded),
        cmocka_unit_test(test_what_is_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
