/* SPDX-License-Identifier: MIT */
/*
 * perf's software clock on the program's threads, and the rings that the kernel fills with their samples.
 *
 * For each CPU there is one ring, and on each thread that exists at the start one event for each CPU, which writes into
 * that CPU's ring. New threads inherit the events of the thread that makes them; forked children do not. Nothing of
 * this happens in the program: no signal, no descriptor, no wake-up. Pump only.
 */
#ifndef SPIPE_AGENT_PERF_RINGS_H
#define SPIPE_AGENT_PERF_RINGS_H

#include "perf_record.h"

/* A new thread inherits an event for each CPU, some microseconds' worth each: with more of them it is too much. */
#define SPIPE_PERF_CPUS_MAX 16u

/* True when the system allows all of it at that period. The rings are taken then, if they were not before. */
bool spipe_perf_rings_are_allowed(uint64_t period_ns);

/* True when the kernel does not hold clocks of that period back. */
bool spipe_perf_rings_is_rate_allowed(uint64_t period_ns);

/* False when the program has got more CPUs since the rings were taken. */
bool spipe_perf_rings_have_all_cpus(void);

uint32_t spipe_perf_rings_cpu_count(void);

/* In a forked child, where none of it is left. */
void spipe_perf_rings_fork(void);

/* Gives the threads events of that period, with slices of that size, in place of all events that there were. False,
 * with no events left, when one of them cannot have them. */
bool spipe_perf_rings_start(const int32_t *tid, uint32_t count, uint64_t period_ns, uint32_t slice_bytes);

/* Gives one more thread events. */
bool spipe_perf_rings_add(int32_t tid);

/* Takes all events away. What they have written stays. */
void spipe_perf_rings_stop(void);

/* Gives the rings back. */
void spipe_perf_rings_close(void);

/* The largest size of slices with which a ring takes that time to fill, or the least of all. */
uint32_t spipe_perf_rings_slice_for(uint64_t period_ns, uint64_t time_ns);

/* How long it takes at least to fill half of a ring, in ns. */
uint64_t spipe_perf_rings_half_full_ns(void);

/* How full the fullest one is. */
uint32_t spipe_perf_rings_fill_percent(void);

/* Samples that found their ring full, so far. */
uint64_t spipe_perf_rings_lost(void);

/* How long the kernel has held the clocks back because of its limit on their rate, so far. */
uint64_t spipe_perf_rings_throttled_ns(void);

/* Shows which sample is the earliest of those that are in the rings now. False when there is none before `until_ns`.
 * spipe_perf_rings_snapshot() decides what "now" is. */
void spipe_perf_rings_snapshot(void);
bool spipe_perf_rings_peek(uint64_t until_ns, struct spipe_perf_sample *ret_sample);

/* Takes it, and returns where the readable part of its stack lies: in the ring, or copied to `spare` (64 KiB) when it
 * goes round the ring's end. Its place in the ring is not used again before spipe_perf_rings_release(). */
const unsigned char *spipe_perf_rings_take(unsigned char *spare, uint32_t *ret_len);

/* Frees the places of all that was taken. */
void spipe_perf_rings_release(void);

#endif
