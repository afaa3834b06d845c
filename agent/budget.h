/* SPDX-License-Identifier: MIT */
/*
 * The budget: what sampling may take of the program's CPU time. Pump only.
 *
 * What it takes is measured: how long samples held the program's threads, by the handler's own clock, and the CPU time of
 * the pump for taking, walking and encoding them. What a session costs at any rate (its waking, its ledger, images
 * and their tables) is not in it, as fewer samples would not make it less; nor is what the kernel needs for a timer and a
 * signal, as no clock shows that. Four times a second the sum is held against the program's CPU time, and when it is too
 * much, the interval between samples becomes so many times the asked one. A sample then stands for more periods, so
 * nothing else changes. What was taken too much before that is saved afterwards.
 */
#ifndef SPIPE_AGENT_BUDGET_H
#define SPIPE_AGENT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define SPIPE_STRETCH_MAX 1000u

struct spipe_budget_use {
    uint64_t cost_us;
    uint64_t program_us;        /* CPU time of the program */
    uint64_t elapsed_us;
    uint64_t samples;
};

struct spipe_budget {
    uint32_t stretch;           /* the interval is so many times the asked one: 1 or more */
    uint32_t longest;           /* of `stretch`, in the session */
    uint64_t next_ns;           /* when to look again */
    struct spipe_budget_use seen;   /* totals at the last look */
    uint64_t sampling_ns;       /* the agent's CPU time for samples */
    uint64_t round_began_ns;    /* of the running round: the pump's CPU time, */
    uint64_t round_samples;     /* and how many had been sent */
    uint64_t round_setup_ns;    /* what it has spent on what is done once for an image */
};

struct spipe_session;

void spipe_budget_begin(struct spipe_session *session);

/* The multiple of the interval to go on with, after that use of time with the present one. Few samples are no reason to
 * take fewer: then the cost is not theirs. A program that uses less than a tenth of a CPU is taken to use that much. */
uint32_t spipe_budget_decide(uint32_t stretch, const struct spipe_budget_use *use, uint32_t budget_ppm);

/* Looks whether it is time, and whether the interval has to change: true when budget.stretch is another one now. */
bool spipe_budget_look(struct spipe_session *session, uint64_t now_ns);

/* Around the part of a round that takes samples. */
void spipe_budget_round_begin(struct spipe_session *session);
void spipe_budget_round_end(struct spipe_session *session);

/* Around work in it that is done once for an image: it is no cost of a sample. Returns what the end has to be given. */
uint64_t spipe_budget_setup_begin(void);
void spipe_budget_setup_end(struct spipe_session *session, uint64_t began_ns);

#endif
