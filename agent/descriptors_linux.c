/* SPDX-License-Identifier: MIT */
#include "descriptors.h"

#include "handler.h"
#include "protocol/system_linux.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CLOSE_RANGE 436         /* SYS_close_range, which old headers lack */
#define UNSHARE_FLAG 2u         /* CLOSE_RANGE_UNSHARE */
#define HIGH_DESCRIPTOR 512

struct identity {
    uint64_t device;
    uint64_t inode;
};

static bool is_shared;
static struct identity read_identity;
static struct identity write_identity;

static bool identify(int64_t handle, struct identity *ret_identity)
{
    struct stat status;
    if (handle < 0 || spipe_system(SYS_fstat, handle, &status) < 0)
        return false;
    *ret_identity = (struct identity){status.st_dev, status.st_ino};
    return true;
}

static long close_range_of(uint64_t first, uint64_t last, unsigned flags)
{
    return first > last ? 0 : spipe_system(CLOSE_RANGE, (unsigned)first, (unsigned)last, flags);
}

bool spipe_descriptors_hide(const struct spipe_endpoint *endpoint)
{
    int64_t a = endpoint->kind == SPIPE_ENDPOINT_DESCRIPTORS ? endpoint->read_handle : -1;
    int64_t b = endpoint->kind == SPIPE_ENDPOINT_DESCRIPTORS ? endpoint->write_handle : -1;
    int64_t low = a < b ? a : b;
    int64_t high = a < b ? b : a;
    if (high < 0) {
        is_shared = close_range_of(0, ~0u, UNSHARE_FLAG) < 0;
        return !is_shared;
    }
    is_shared = close_range_of((uint64_t)high + 1, ~0u, UNSHARE_FLAG) < 0;
    if (is_shared)
        return false;
    if (low > 0)
        (void)close_range_of(0, (uint64_t)low - 1, 0);
    if (low < high)
        (void)close_range_of((uint64_t)(low + 1), (uint64_t)high - 1, 0);
    return true;
}

static void move_up(int64_t *handle)
{
    long moved = *handle < 0 ? -1 : spipe_system(SYS_fcntl, *handle, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    if (moved < 0)
        return;
    (void)spipe_system(SYS_close, *handle);
    *handle = moved;
}

void spipe_descriptors_note(struct spipe_pipe *pipe)
{
    if (!is_shared)
        return;
    bool is_one = pipe->read_handle == pipe->write_handle;
    move_up(&pipe->read_handle);
    if (is_one)
        pipe->write_handle = pipe->read_handle;
    else
        move_up(&pipe->write_handle);
    memset(&read_identity, 0, sizeof read_identity);
    memset(&write_identity, 0, sizeof write_identity);
    (void)identify(pipe->read_handle, &read_identity);
    (void)identify(pipe->write_handle, &write_identity);
}

static bool is_same(int64_t handle, const struct identity *noted)
{
    struct identity now;
    if (handle < 0)
        return true;
    return identify(handle, &now) && now.device == noted->device && now.inode == noted->inode;
}

bool spipe_descriptors_are_ours(const struct spipe_pipe *pipe)
{
    return !is_shared || (is_same(pipe->read_handle, &read_identity) && is_same(pipe->write_handle, &write_identity));
}

/* Events are in the same table. */
static void close_events(void)
{
    for (unsigned i = 0; i < SPIPE_HANDLER_DESCRIPTORS; i++) {
        uint16_t slot_number = atomic_load(&spipe_handler_descriptor_slot[i]);
        if (slot_number != 0 && slot_number != SPIPE_HANDLER_RETIRED)
            (void)spipe_system(SYS_close, i);
    }
}

void spipe_descriptors_fork(const struct spipe_pipe *pipe)
{
    if (!is_shared || !spipe_descriptors_are_ours(pipe))
        return;
    if (pipe->read_handle >= 0)
        (void)spipe_system(SYS_close, pipe->read_handle);
    if (pipe->write_handle >= 0 && pipe->write_handle != pipe->read_handle)
        (void)spipe_system(SYS_close, pipe->write_handle);
    close_events();
}
