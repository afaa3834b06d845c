/* SPDX-License-Identifier: MIT */
/*
 * What a program may say to the Stackpipe agent that is loaded into it.
 *
 * All functions are weak references: a program built with this header runs without the agent, and the calls then do
 * nothing. With the agent (preloaded, or linked as libstackpipe-agent) they may be called from any thread, but not from
 * signal handlers. They allocate nothing and never wait, but for spipe_agent_start() and spipe_agent_stop().
 */
#ifndef STACKPIPE_H
#define STACKPIPE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Connects to the host at `endpoint` (the grammar of protocol/endpoint.h; NULL: STACKPIPE_ENDPOINT) and starts as its
 * configuration says. With STACKPIPE_START=wait it returns when sampling has begun or a second has passed; else at
 * once. Returns 0, or a negative status of protocol/status.h: SPIPE_E_NOT_FOUND (-9) without an endpoint,
 * SPIPE_E_BUSY (-12) when it was started before. */
__attribute__((weak)) int spipe_agent_start(const char *endpoint);

/* Ends the session with a Goodbye, waiting 200 ms at most. */
__attribute__((weak)) void spipe_agent_stop(void);

/* Puts a mark of this thread and moment into the stream. `name` is copied, up to 95 bytes. Lost, when marks come
 * faster than they are taken. */
__attribute__((weak)) void spipe_agent_mark(const char *name);

/* Puts the present value of a quantity into the stream. */
__attribute__((weak)) void spipe_agent_count(const char *name, int32_t value);

/* Names the calling thread, as pthread_setname_np() would: up to 15 bytes are kept. */
__attribute__((weak)) void spipe_agent_thread_name(const char *name);

static inline int spipe_start(const char *endpoint)
{
    return spipe_agent_start ? spipe_agent_start(endpoint) : 0;
}

static inline void spipe_stop(void)
{
    if (spipe_agent_stop)
        spipe_agent_stop();
}

static inline void spipe_mark(const char *name)
{
    if (spipe_agent_mark)
        spipe_agent_mark(name);
}

static inline void spipe_count(const char *name, int32_t value)
{
    if (spipe_agent_count)
        spipe_agent_count(name, value);
}

static inline void spipe_thread_name(const char *name)
{
    if (spipe_agent_thread_name)
        spipe_agent_thread_name(name);
}

#ifdef __cplusplus
}
#endif

#endif
