/* A CPU-bound load with a known call tree, built without frame pointers: main calls `depth` levels
 * of descend(), whose leaf spends its time in mix_light (1 part) and mix_heavy (3 parts). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile uint64_t sink;

__attribute__((noinline)) static uint64_t
mix_light(uint64_t value)
{
    for (int i = 0; i < 20000; i++)
        value = value * 6364136223846793005ULL + 1442695040888963407ULL;
    return value;
}

__attribute__((noinline)) static uint64_t
mix_heavy(uint64_t value)
{
    for (int i = 0; i < 60000; i++)
        value = value * 6364136223846793005ULL + 1442695040888963407ULL;
    return value;
}

__attribute__((noinline)) static uint64_t
descend(int depth, uint64_t value)
{
    if (depth > 0)
        value = descend(depth - 1, value + 1);
    else
        value = mix_heavy(mix_light(value));
    return value + sink; /* keeps the call from becoming a jump */
}

int
main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    int depth = argc > 2 ? atoi(argv[2]) : 30;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        sink = descend(depth, sink);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9 <
             seconds);
    return 0;
}
