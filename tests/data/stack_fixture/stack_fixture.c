/* Stops itself deep in a known call tree: stack_fixture SHAPE. Compiled without frame pointers. */
#include <alloca.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noclone))

int stop_here(int value);
int plain(int depth);
int aligned(int size);
int dynamic(int size);
int last_call(int value);
int interrupted(int value);
int nested(int depth);

static volatile int sink;

KEPT int
stop_here(int value)
{
    kill(getpid(), SIGSTOP);
    return value + sink;
}

KEPT int
plain(int depth)
{
    int below = depth > 0 ? plain(depth - 1) : stop_here(depth);
    return below + sink;
}

/* The compiler realigns the stack and finds the CFA through memory. */
KEPT int
aligned(int size)
{
    char *room = alloca((size_t)size);
    _Alignas(64) char line[64];
    memset(line, size, sizeof(line));
    memset(room, size, (size_t)size);
    sink += line[size % 64] + room[size / 2] + (int)((uintptr_t)line % 64);
    return plain(3) + line[1] + room[0];
}

KEPT int
dynamic(int size)
{
    char *room = alloca((size_t)size);
    memset(room, size, (size_t)size);
    sink += room[size / 2];
    return plain(3) + room[0];
}

/* The return address of the call is the end of the function. */
KEPT int
last_call(int value)
{
    if (value > 0) {
        plain(3);
        _exit(sink);
    }
    return value;
}

static void
on_signal(int number)
{
    sink += number - number;
    plain(2);
}

KEPT int
interrupted(int value)
{
    __asm__ volatile("ud2");
    return value + sink;
}

static void
catch_on_alternate_stack(void)
{
    static char room[64 * 1024];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigaction(SIGILL, &action, NULL);
}

static int
compare(const void *a, const void *b)
{
    (void)a;
    (void)b;
    plain(1);
    return 0;
}

int
main(int argc, char **argv)
{
    const char *shape = argc > 1 ? argv[1] : "";
    int numbers[2] = {2, 1};
    if (strcmp(shape, "plain") == 0)
        return plain(20);
    if (strcmp(shape, "deep") == 0)
        return plain(250);
    if (strcmp(shape, "aligned") == 0)
        return aligned(argc * 50);
    if (strcmp(shape, "dynamic") == 0)
        return dynamic(argc * 50);
    if (strcmp(shape, "last_call") == 0)
        return last_call(argc);
    if (strcmp(shape, "callback") == 0)
        qsort(numbers, 2, sizeof(numbers[0]), compare);
    catch_on_alternate_stack();
    if (strcmp(shape, "signal") == 0)
        return interrupted(argc);
    fprintf(stderr, "usage: stack_fixture SHAPE\n");
    return 2;
}
