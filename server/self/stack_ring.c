#include "server/self/stack_ring.h"

#define UNW_LOCAL_ONLY
#include <libunwind.h>

enum { SLOT_FREE, SLOT_WRITING, SLOT_READY };

static uint32_t
unwind(void *context, uint64_t frames[STACK_RING_FRAMES])
{
    unw_cursor_t cursor;
    uint32_t n = 0;
    if (unw_init_local2(&cursor, context, UNW_INIT_SIGNAL_FRAME) != 0)
        return 0;
    do {
        unw_word_t address;
        if (unw_get_reg(&cursor, UNW_REG_IP, &address) != 0 || address == 0)
            break;
        frames[n++] = address;
    } while (n < STACK_RING_FRAMES && unw_step(&cursor) > 0);
    return n;
}

unsigned
stack_ring_capture(StackRing *ring, void *context)
{
    StackSlot *slot = &ring->slots[atomic_fetch_add(&ring->next, 1) % STACK_RING_SLOTS];
    int expected = SLOT_FREE;
    if (!atomic_compare_exchange_strong(&slot->state, &expected, SLOT_WRITING)) {
        atomic_fetch_add(&ring->n_dropped, 1);
        return atomic_load(&ring->n_waiting);
    }
    slot->n = unwind(context, slot->frames);
    atomic_store(&slot->state, SLOT_READY);
    atomic_fetch_add(&ring->n_captured, 1);
    return atomic_fetch_add(&ring->n_waiting, 1) + 1;
}

void
stack_ring_drain(StackRing *ring, StackFunc func, void *data)
{
    for (size_t i = 0; i < STACK_RING_SLOTS; i++) {
        StackSlot *slot = &ring->slots[i];
        if (atomic_load(&slot->state) != SLOT_READY)
            continue;
        func(slot->frames, slot->n, data);
        atomic_fetch_sub(&ring->n_waiting, 1);
        atomic_store(&slot->state, SLOT_FREE);
    }
}
