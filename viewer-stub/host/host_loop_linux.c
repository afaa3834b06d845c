/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/host_loop.h"

#include "protocol/status.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH 64

static uint32_t to_epoll(uint32_t events)
{
    return ((events & SPIPE_HOST_LOOP_READABLE) != 0 ? (uint32_t)EPOLLIN : 0) |
           ((events & SPIPE_HOST_LOOP_WRITABLE) != 0 ? (uint32_t)EPOLLOUT : 0);
}

static uint32_t from_epoll(uint32_t events, uint32_t waited_for)
{
    uint32_t ready = ((events & EPOLLIN) != 0 ? SPIPE_HOST_LOOP_READABLE : 0) |
                     ((events & EPOLLOUT) != 0 ? SPIPE_HOST_LOOP_WRITABLE : 0);
    return (events & (EPOLLHUP | EPOLLERR)) != 0 ? waited_for : ready;
}

static int status_of_errno(void)
{
    switch (errno) {
    case ENOMEM:
        return SPIPE_E_NO_MEMORY;
    case ENOSPC:
        return SPIPE_E_LIMIT;
    case EPERM:
        return SPIPE_E_NOT_A_PIPE;
    default:
        return SPIPE_E_SYSTEM;
    }
}

int spipe_host_loop_init(struct spipe_host_loop *loop)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    loop->descriptor = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->descriptor < 0 || loop->wake < 0 || epoll_ctl(loop->descriptor, EPOLL_CTL_ADD, loop->wake, &event) != 0) {
        int status = status_of_errno();
        spipe_host_loop_done(loop);
        return status;
    }
    return SPIPE_OK;
}

void spipe_host_loop_done(struct spipe_host_loop *loop)
{
    if (loop->descriptor >= 0) {
        close(loop->descriptor);
    }
    if (loop->wake >= 0) {
        close(loop->wake);
    }
    *loop = (struct spipe_host_loop){-1, -1};
}

int spipe_host_loop_set(struct spipe_host_loop *loop, struct spipe_host_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = to_epoll(events), .data.ptr = watch};
    if (events == watch->events && watch->is_added == (events != 0)) {
        return SPIPE_OK;
    }
    int operation = !watch->is_added ? EPOLL_CTL_ADD : events != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    if (epoll_ctl(loop->descriptor, operation, (int)watch->handle, &event) != 0) {
        return status_of_errno();
    }
    watch->events = events;
    watch->is_added = events != 0;
    return SPIPE_OK;
}

static void use_up_wake(const struct spipe_host_loop *loop)
{
    uint64_t count;
    ssize_t got = read(loop->wake, &count, sizeof count);
    (void)got;
}

int spipe_host_loop_wait(struct spipe_host_loop *loop, uint32_t timeout_ms, struct spipe_host_ready *ready, size_t max,
                         size_t *ret_count)
{
    struct epoll_event event[BATCH];
    int timeout = timeout_ms == UINT32_MAX ? -1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    int count = epoll_wait(loop->descriptor, event, (int)(max < BATCH ? max : BATCH), timeout);
    if (count < 0 && errno != EINTR) {
        return status_of_errno();
    }
    *ret_count = 0;
    for (int i = 0; i < count; i++) {
        struct spipe_host_watch *watch = event[i].data.ptr;
        if (watch == NULL) {
            use_up_wake(loop);
        } else {
            ready[(*ret_count)++] = (struct spipe_host_ready){watch, from_epoll(event[i].events, watch->events)};
        }
    }
    return SPIPE_OK;
}

void spipe_host_loop_wake(const struct spipe_host_loop *loop)
{
    int kept = errno;
    uint64_t one = 1;
    ssize_t put = write(loop->wake, &one, sizeof one);
    (void)put;
    errno = kept;
}
