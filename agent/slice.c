/* SPDX-License-Identifier: MIT */
/* Runs in the handler: no call of any kind. */
#include "slice.h"

#include <stdatomic.h>

struct spipe_slice *spipe_slice_pool;
static _Atomic uint64_t taken[SPIPE_SLICE_COUNT / 64];

static uint16_t claim(void)
{
    for (unsigned word = 0; word < SPIPE_SLICE_COUNT / 64; word++) {
        uint64_t bits = atomic_load_explicit(&taken[word], memory_order_relaxed);
        while (bits != UINT64_MAX) {
            unsigned bit = (unsigned)__builtin_ctzll(~bits);
            if (atomic_compare_exchange_weak_explicit(&taken[word], &bits, bits | UINT64_C(1) << bit,
                                                      memory_order_acquire, memory_order_relaxed))
                return (uint16_t)(word * 64 + bit);
        }
    }
    return SPIPE_SLICE_NONE;
}

uint16_t spipe_slice_take(const struct spipe_registers *registers, uint64_t low, uint64_t high)
{
    uint16_t index = claim();
    if (index == SPIPE_SLICE_NONE)
        return index;

    struct spipe_slice *slice = &spipe_slice_pool[index];
    low &= ~UINT64_C(7);
    uint64_t len = high - low;
    slice->is_cut = len > SPIPE_SLICE_BYTES;
    if (slice->is_cut)
        len = SPIPE_SLICE_BYTES;
    len &= ~UINT64_C(7);
    slice->low = low;
    slice->len = (uint32_t)len;
    slice->registers = *registers;
    const uint64_t *from = (const uint64_t *)(uintptr_t)low;
    uint64_t *to = (uint64_t *)(void *)slice->bytes;
    for (uint64_t i = 0; i < len / 8; i++)
        to[i] = from[i];
    return index;
}

const struct spipe_slice *spipe_slice_get(uint16_t index)
{
    return &spipe_slice_pool[index];
}

void spipe_slice_release(uint16_t index)
{
    atomic_fetch_and_explicit(&taken[index / 64], ~(UINT64_C(1) << (index % 64)), memory_order_release);
}
