/* SPDX-License-Identifier: MIT */
#include "frames.h"

#define FUNCTIONS 64u

struct descent {
    uint64_t path;
    void (*bottom)(void *);
    void *argument;
};

typedef uint32_t frame_function(struct descent *descent, unsigned left);

static frame_function *const frame_table[FUNCTIONS];

static inline __attribute__((always_inline)) uint32_t go_on(struct descent *descent, unsigned left)
{
    if (left == 0) {
        descent->bottom(descent->argument);
        return 0;
    }
    descent->path = descent->path * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return frame_table[descent->path >> 58](descent, left - 1);
}

/* Each has a frame of a size of its own, keeps values in registers over the call and works after it, so that it is a
 * frame of its own. */
#define FRAME(number)                                                                                                  \
    __attribute__((noinline)) static uint32_t frame_##number(struct descent *descent, unsigned left)                   \
    {                                                                                                                  \
        volatile unsigned char room[8 + 16 * (0##number % 8)];                                                         \
        room[0] = (unsigned char)left;                                                                                 \
        return go_on(descent, left) * 31 + room[0] + left + 0##number;                                                 \
    }
#define EIGHT(with, tens)                                                                                              \
    with(tens##0) with(tens##1) with(tens##2) with(tens##3) with(tens##4) with(tens##5) with(tens##6) with(tens##7)
#define ALL(with)                                                                                                      \
    EIGHT(with, 1) EIGHT(with, 2) EIGHT(with, 3) EIGHT(with, 4) EIGHT(with, 5) EIGHT(with, 6) EIGHT(with, 7)           \
    EIGHT(with, 10)

ALL(FRAME)

#define ENTRY(number) frame_##number,
static frame_function *const frame_table[FUNCTIONS] = {ALL(ENTRY)};

uint32_t frames_descend(unsigned depth, uint64_t path, void (*bottom)(void *), void *argument)
{
    struct descent descent = {path, bottom, argument};
    return go_on(&descent, depth);
}
