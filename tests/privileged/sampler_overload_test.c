/* The sampler when samples come faster than they are taken. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <gio/gio.h>
#include <stdio.h>

#include "agent/sample/sampler.h"

/* One who takes samples more slowly than they come. */
typedef struct {
    GMainLoop *loop;
    int64_t turn_us; /* when the loop last came round */
    guint turns;
    bool is_starved;
} SlowTaker;

static void
take_slowly(const Sample *sample, void *data)
{
    enum { TAKES_US = 20 * 1000, STARVED_US = 5 * G_USEC_PER_SEC };
    (void)sample;
    SlowTaker *taker = data;
    taker->is_starved |= g_get_monotonic_time() - taker->turn_us > STARVED_US;
    if (!taker->is_starved)
        g_usleep(TAKES_US);
}

static gboolean
on_turn(gpointer data)
{
    enum { TURNS = 20 };
    SlowTaker *taker = data;
    taker->turn_us = g_get_monotonic_time();
    if (++taker->turns == TURNS || taker->is_starved)
        g_main_loop_quit(taker->loop);
    return G_SOURCE_CONTINUE;
}

/* The agent answers scrapes on the loop that takes the samples. */
static void
test_loop_comes_round_under_overload(void **state)
{
    (void)state;
    const SamplerConfig config = {.rate_hz = 997};
    g_autoptr(GError) error = NULL;
    SlowTaker taker = {.loop = g_main_loop_new(NULL, FALSE), .turn_us = g_get_monotonic_time()};
    g_autoptr(Sampler) sampler = sampler_new(&config, take_slowly, &taker, &error);
    assert_non_null(sampler);
    g_autoptr(GSubprocess) busy =
        g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error, FIXTURES_DIR "/calls", NULL);
    assert_non_null(busy);
    assert_true(sampler_start(sampler, &error));
    guint timer = g_timeout_add(1, on_turn, &taker);
    taker.turn_us = g_get_monotonic_time();
    g_main_loop_run(taker.loop);
    g_source_remove(timer);
    g_subprocess_force_exit(busy);
    bool is_starved = taker.is_starved;
    taker.is_starved = true; /* what is left is taken at once */
    sampler_stop(sampler);
    g_main_loop_unref(taker.loop);
    assert_false(is_starved);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_comes_round_under_overload),
    };
    g_autoptr(GString) missing = g_string_new(NULL);
    if (!sampler_probe(missing)) {
        printf("skipped: %s", missing->str);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
