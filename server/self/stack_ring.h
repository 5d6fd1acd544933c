/* Stacks captured in a signal handler, on their way to a thread that reads them.
 *
 * Capturing takes no lock and no memory: a handler claims a slot, unwinds into it (libunwind, by
 * the tables of .eh_frame) and publishes it. When the reader is too slow, stacks are counted and
 * lost. */
#pragma once
#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STACK_RING_SLOTS = 1024, STACK_RING_FRAMES = 96 };

typedef struct {
    atomic_int state;
    uint32_t n;
    uint64_t frames[STACK_RING_FRAMES]; /* the leaf first; return addresses but the first */
} StackSlot;

typedef struct {
    atomic_uint next, n_waiting;
    atomic_ullong n_captured, n_dropped;
    StackSlot slots[STACK_RING_SLOTS];
} StackRing;

/* Captures the stack that the signal interrupted; `context` is the third argument of the handler.
 * Async-signal-safe, any number of threads at a time. Returns how many stacks wait. */
unsigned stack_ring_capture(StackRing *ring, void *context);

typedef void (*StackFunc)(const uint64_t *frames, uint32_t n, void *data);

/* Hands over and frees every stack that is complete. One thread. */
void stack_ring_drain(StackRing *ring, StackFunc func, void *data);
