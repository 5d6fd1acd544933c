/* Questions to a socket that answers as Docker does, or fails. */
#include "agent/discovery/local_containers.h"

#include <glib/gstdio.h>
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/kept_log.h"
#include "tests/harness/scripted_server.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait.h"
#include "tests/unit/agent/discovery/made_containers.h"

enum { WAIT_MS = 20 * 1000, PAUSE_MS = 50 };

#define A MADE_ID("a")
#define B MADE_ID("b")
#define C MADE_ID("c")
#define D MADE_ID("d")

#define JSON_HEAD        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define OBJECT(id, name) "{\"Id\":\"" id "\",\"Names\":[\"/" name "\"]}"
#define STEP(text)                                                                                 \
    {                                                                                              \
        .reply = JSON_HEAD text                                                                    \
    }

typedef struct {
    TempDir *dir;
    char *path;             /* of the socket */
    ScriptedServer *server; /* NULL: nobody listens */
    LocalContainers *containers;
    const char *id, *wanted; /* what is waited for: a name, or a part of what is wrong */
    size_t n;                /* likewise */
} Fixture;

static void
expect_logged(const char *part, unsigned times)
{
    g_autofree char *logged = kept_log_text();
    if (kept_log_count(part) != times)
        fail_msg("'%s' stands not %u times in the log:\n%s", part, times, logged);
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    fixture->path = temp_dir_file(fixture->dir, "docker.sock");
    kept_log_clear();
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    local_containers_free(fixture->containers);
    scripted_server_free(fixture->server);
    temp_dir_free(fixture->dir);
    g_free(fixture->path);
    g_free(fixture);
    return 0;
}

static void
start(Fixture *fixture, const ScriptStep *steps, size_t n_steps, int64_t pause_ms)
{
    if (n_steps > 0)
        fixture->server = scripted_server_new_unix(fixture->path, steps, n_steps);
    const LocalContainersConfig config = {.socket = fixture->path, .pause_ms = pause_ms};
    fixture->containers = local_containers_new(&config);
}

static bool
is_called(void *user)
{
    const Fixture *fixture = user;
    g_autoptr(LocalContainer) container = local_containers_find(fixture->containers, fixture->id);
    return container != NULL && g_strcmp0(container->name, fixture->wanted) == 0;
}

static void
wait_name(Fixture *fixture, const char *id, const char *name)
{
    fixture->id = id;
    fixture->wanted = name;
    if (!wait_until(is_called, fixture, WAIT_MS))
        fail_msg("%s is not called %s", id, name);
}

static bool
is_told(void *user)
{
    const Fixture *fixture = user;
    g_autoptr(GString) problems = g_string_new(NULL);
    local_containers_check(fixture->containers, problems);
    return *fixture->wanted == '\0' ? problems->len == 0
                                    : strstr(problems->str, fixture->wanted) != NULL;
}

/* That is told, or with "" that nothing is. */
static void
wait_problem(Fixture *fixture, const char *part)
{
    fixture->wanted = part;
    if (!wait_until(is_told, fixture, WAIT_MS))
        fail_msg("it is not told that '%s'", part);
}

static bool
has_requests(void *user)
{
    const Fixture *fixture = user;
    return scripted_server_requests(fixture->server) >= fixture->n;
}

static bool
has_failures(void *user)
{
    const Fixture *fixture = user;
    LocalContainersState state;
    local_containers_get_state(fixture->containers, &state);
    return state.failures >= fixture->n;
}

static void
wait_number(Fixture *fixture, bool (*has)(void *user), size_t n)
{
    fixture->n = n;
    if (!wait_until(has, fixture, WAIT_MS))
        fail_msg("there are not %zu of them", n);
}

static void
expect_request(const Fixture *fixture, size_t i, const char *line)
{
    g_autofree char *request = scripted_server_request(fixture->server, i);
    assert_non_null(request);
    if (!g_str_has_prefix(request, line))
        fail_msg("request %zu is %s", i, request);
}

#define BY_ID(id)                                                                                  \
    "GET /containers/json?all=1&filters=%7B%22id%22%3A%5B%22" id "%22%5D%7D HTTP/1.1\r\n"

static void
test_what_runs_is_listed_and_what_comes_is_asked_for(void **state)
{
    Fixture *fixture = *state;
    static const ScriptStep steps[] = {STEP("[" OBJECT(A, "first") "]"),
                                       STEP("[" OBJECT(B, "second") "]"), STEP("[]"),
                                       STEP("[" OBJECT(D, "fourth") "]")};
    start(fixture, steps, G_N_ELEMENTS(steps), PAUSE_MS);
    wait_name(fixture, A, "first");
    wait_name(fixture, B, "second");
    /* Of one that nobody knows they are asked once. */
    assert_null(local_containers_find(fixture->containers, C));
    wait_number(fixture, has_requests, 3);
    assert_null(local_containers_find(fixture->containers, C));
    wait_name(fixture, D, "fourth");
    static const char *const lines[] = {"GET /containers/json HTTP/1.1\r\n", BY_ID(B), BY_ID(C),
                                        BY_ID(D)};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        expect_request(fixture, i, lines[i]);
    LocalContainersState counts;
    local_containers_get_state(fixture->containers, &counts);
    assert_int_equal(counts.known, 3);
    assert_int_equal(counts.failures, 0);
    wait_problem(fixture, "");
    expect_logged("after the containers that ", 1);
}

static void
test_there_is_a_pause_between_questions(void **state)
{
    enum { LONG_PAUSE_MS = 400 };
    Fixture *fixture = *state;
    static const ScriptStep steps[] = {STEP("[]"), STEP("[" OBJECT(A, "first") "]")};
    int64_t start_us = g_get_monotonic_time();
    start(fixture, steps, G_N_ELEMENTS(steps), LONG_PAUSE_MS);
    wait_number(fixture, has_requests, 1);
    wait_name(fixture, A, "first");
    assert_true(g_get_monotonic_time() - start_us >= LONG_PAUSE_MS * 1000);
    assert_int_equal(scripted_server_requests(fixture->server), 2);
}

static void
test_a_socket_that_cannot_be_asked(void **state)
{
    Fixture *fixture = *state;
    static const ScriptStep steps[] = {STEP("[]"),
                                       STEP("[" OBJECT(A, "first") "," OBJECT(B, "second") "]")};
    start(fixture, NULL, 0, PAUSE_MS);
    wait_problem(fixture, "docker: no reply from ");
    wait_problem(fixture, "/docker.sock: No such file or directory\n");
    assert_null(local_containers_find(fixture->containers, A));
    assert_null(local_containers_find(fixture->containers, B));
    wait_number(fixture, has_failures, 3);
    expect_logged("No such file or directory", 1);
    fixture->server = scripted_server_new_unix(fixture->path, steps, G_N_ELEMENTS(steps));
    wait_name(fixture, A, "first");
    wait_name(fixture, B, "second");
    wait_problem(fixture, "");
    g_autofree char *request = scripted_server_request(fixture->server, 1);
    assert_contains(request, A);
    assert_contains(request, B);
    expect_logged("docker.sock tells of containers again", 1);
    expect_logged("No such file or directory", 1);
}

static void
expect_problem(Fixture *fixture, const ScriptStep *step, const char *part)
{
    start(fixture, step, 1, PAUSE_MS);
    wait_problem(fixture, part);
    assert_null(local_containers_find(fixture->containers, A));
    g_clear_pointer(&fixture->containers, local_containers_free);
    g_clear_pointer(&fixture->server, scripted_server_free);
    assert_int_equal(g_unlink(fixture->path), 0);
}

static void
test_answers_that_are_wrong(void **state)
{
    static const ScriptStep refused = {
        .reply = "HTTP/1.1 500 X\r\n\r\n{\"message\":\"server misbehaving\"}"};
    static const ScriptStep object = STEP("{\"message\":\"x\"}"), cut = STEP("[{");
    static const ScriptStep hung_up = {.reply = ""};
    expect_problem(*state, &refused,
                   "docker.sock answers with 500: {\"message\":\"server misbehaving\"}\n");
    expect_problem(*state, &object, "docker.sock: the answer is no list of containers\n");
    expect_problem(*state, &cut, "docker.sock: ");
    expect_problem(*state, &hung_up, "no reply from ");
    expect_logged("containers cannot be asked for (--docker-socket)", 4);
}

/* It cannot be listed what runs, but asked for what was seen. */
static void
test_an_answer_that_is_too_large(void **state)
{
    Fixture *fixture = *state;
    static const ScriptStep steps[] = {
        {.reply = JSON_HEAD "[", .padding = 5 * 1024 * 1024},
        STEP("[" OBJECT(A, "first") "]"),
    };
    start(fixture, steps, G_N_ELEMENTS(steps), PAUSE_MS);
    wait_problem(fixture, "larger than 4194304 bytes\n");
    wait_name(fixture, A, "first");
    wait_problem(fixture, "");
    expect_request(fixture, 1, BY_ID(A));
}

static void
test_the_end_waits_for_no_answer(void **state)
{
    Fixture *fixture = *state;
    static const ScriptStep steps[] = {{.end = SCRIPT_STALL}};
    start(fixture, steps, G_N_ELEMENTS(steps), PAUSE_MS);
    wait_number(fixture, has_requests, 1);
    int64_t start_us = g_get_monotonic_time();
    assert_null(local_containers_find(fixture->containers, A));
    g_clear_pointer(&fixture->containers, local_containers_free);
    assert_true(g_get_monotonic_time() - start_us < 5 * G_USEC_PER_SEC);
    expect_logged("docker.sock", 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_runs_is_listed_and_what_comes_is_asked_for),
        CASE(test_there_is_a_pause_between_questions),
        CASE(test_a_socket_that_cannot_be_asked),
        CASE(test_answers_that_are_wrong),
        CASE(test_an_answer_that_is_too_large),
        CASE(test_the_end_waits_for_no_answer),
    };
    kept_log_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
