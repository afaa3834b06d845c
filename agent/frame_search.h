/* SPDX-License-Identifier: MIT */
/*
 * Finds the frame pointer of a function that keeps its frame by one, when the register's value is not known: where the
 * kernel tells of a waiting thread, it tells only the stack pointer and the pc.
 *
 * Such a function begins with `push rbp; mov rbp, rsp`, so its frame pointer points to two words: the caller's frame
 * pointer and the return address, which stands behind a call. A call that names the function's first byte proves the
 * place. Calls through a register or a jump only make it likely: who uses such a place should see that the walk from
 * there ends well. Pump only.
 */
#ifndef SPIPE_AGENT_FRAME_SEARCH_H
#define SPIPE_AGENT_FRAME_SEARCH_H

#include "code_map.h"
#include "unwind.h"

enum spipe_frame_proof { SPIPE_FRAME_NONE = 0, SPIPE_FRAME_LIKELY = 1, SPIPE_FRAME_PROVEN = 2 };

/* `pc` lies in the function, behind its beginning; its frame lies above `stack_pointer`. The frame pointer is written
 * unless there is none. */
enum spipe_frame_proof spipe_frame_search(const struct spipe_code_map *map, const struct spipe_stack_view *stack,
                                          uint64_t stack_pointer, uint64_t pc, uint64_t *ret_frame_pointer);

#endif
