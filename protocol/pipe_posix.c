/* SPDX-License-Identifier: MIT */
/*
 * The pipe on Linux: Unix stream sockets, and inherited descriptors of either kind.
 *
 * Descriptors that we opened are non-blocking. Inherited ones are not made so: the flag belongs to the open file,
 * which the program and other processes may share. On inherited sockets each call says MSG_DONTWAIT; on anonymous
 * pipes poll is asked before each piece, and a pipe that is writable takes PIPE_BUF bytes without waiting.
 */
#define _GNU_SOURCE
#include "pipe.h"

#include "status.h"
#include "system_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define SIGNAL_SET_SIZE 8u          /* of the kernel's own set of signals, one bit each */
#define SIGPIPE_BIT ((uint64_t)1 << (SIGPIPE - 1))
#define CONNECT_RETRY_MS 2
#define BACKLOG 4096

static uint64_t now_ms(void)
{
    struct timespec now = {0};
    spipe_system(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void close_handle(int64_t handle)
{
    if (handle >= 0) {
        spipe_system(SYS_close, handle);
    }
}

/* Polls without caring for signals: the time that is left after one is waited again. Returns how many descriptors have
 * something, or a negative errno. UINT32_MAX: for ever. */
static long poll_handles(struct pollfd *handles, size_t count, uint32_t timeout_ms)
{
    bool is_bounded = timeout_ms != 0 && timeout_ms != UINT32_MAX;
    uint64_t end = is_bounded ? now_ms() + timeout_ms : 0;
    uint64_t left = is_bounded ? timeout_ms : 0;
    for (;;) {
        struct timespec time = {.tv_sec = (time_t)(left / 1000u), .tv_nsec = (long)(left % 1000u) * 1000000};
        long ready = spipe_system(SYS_ppoll, handles, count, timeout_ms == UINT32_MAX ? NULL : &time, NULL, 0);
        if (ready != -EINTR) {
            return ready;
        }
        uint64_t now = is_bounded ? now_ms() : 0;
        left = now < end ? end - now : 0;
    }
}

/* What a descriptor is ready for, without waiting. */
static int poll_now(int64_t handle, int events)
{
    struct pollfd one = {.fd = (int)handle, .events = (short)events};
    return poll_handles(&one, 1, 0) > 0 ? one.revents : 0;
}

static int status_of_path(long error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
    case -ELOOP:
        return SPIPE_E_NOT_FOUND;
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return SPIPE_E_PERMISSION;
    case -ENAMETOOLONG:
        return SPIPE_E_NAME_TOO_LONG;
    case -EADDRINUSE:
        return SPIPE_E_EXISTS;
    case -EPROTOTYPE:
        return SPIPE_E_NOT_A_PIPE;
    case -EMFILE:
    case -ENFILE:
        return SPIPE_E_LIMIT;
    case -ENOMEM:
    case -ENOBUFS:
        return SPIPE_E_NO_MEMORY;
    case -ENOSPC:
    case -EDQUOT:
        return SPIPE_E_NO_SPACE;
    default:
        return SPIPE_E_SYSTEM;
    }
}

/* Errors of reading and writing: whatever is not a matter of waiting means that the connection is of no more use. */
static int status_of_transfer(long error)
{
    return error == -EAGAIN || error == -EWOULDBLOCK ? SPIPE_E_AGAIN : SPIPE_E_CLOSED;
}

/* ---------------------------------------------------------------------------------------------------------- connect */

static int make_address(const char *path, struct sockaddr_un *ret_address)
{
    size_t len = strlen(path);
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->sun_family = AF_UNIX;
    if (len >= sizeof(ret_address->sun_path)) {
        return SPIPE_E_NAME_TOO_LONG;
    }
    memcpy(ret_address->sun_path, path, len + 1);
    return SPIPE_OK;
}

static int64_t new_socket(void)
{
    return spipe_system(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Looks at the path itself, not at what a symbolic link leads to. */
static long look_at(const char *path, struct stat *ret_stat)
{
    return spipe_system(SYS_newfstatat, AT_FDCWD, path, ret_stat, AT_SYMLINK_NOFOLLOW);
}

/* The kernel refuses a connection to any file that is not a listening socket; the difference is for people. */
static int status_of_refused(const char *path)
{
    struct stat found;
    long result = spipe_system(SYS_newfstatat, AT_FDCWD, path, &found, 0);
    return result == 0 && !S_ISSOCK(found.st_mode) ? SPIPE_E_NOT_A_PIPE : SPIPE_E_NOT_FOUND;
}

static int connect_socket(int64_t handle, const char *path, uint32_t timeout_ms)
{
    struct sockaddr_un address;
    int status = make_address(path, &address);
    if (status != SPIPE_OK) {
        return status;
    }
    uint64_t end = now_ms() + timeout_ms;
    for (;;) {
        long result = spipe_system(SYS_connect, handle, &address, sizeof(address));
        if (result == 0 || result == -EISCONN) {
            return SPIPE_OK;
        }
        if (result == -ECONNREFUSED) {
            return status_of_refused(path);
        }
        if (result != -EAGAIN && result != -EINTR) {
            return status_of_path(result);
        }
        /* The server's backlog is full. A socket that is not connecting cannot be polled, so we look again. */
        if (now_ms() >= end) {
            return SPIPE_E_TIME_OUT;
        }
        poll_handles(NULL, 0, CONNECT_RETRY_MS);
    }
}

static int connect_path(const char *path, uint32_t timeout_ms, struct spipe_pipe *ret_pipe)
{
    int64_t handle = new_socket();
    if (handle < 0) {
        return status_of_path(handle);
    }
    int status = connect_socket(handle, path, timeout_ms);
    if (status != SPIPE_OK) {
        close_handle(handle);
        return status;
    }
    *ret_pipe = (struct spipe_pipe){handle, handle, true};
    return SPIPE_OK;
}

/* Checks that an inherited descriptor is something that bytes flow through, and sees to it that no child inherits
 * it. */
static int adopt_handle(int64_t handle, bool *is_socket)
{
    struct stat found;
    if (handle < 0) {
        return SPIPE_OK;
    }
    if (handle > INT_MAX || spipe_system(SYS_fstat, handle, &found) != 0) {
        return SPIPE_E_NOT_FOUND;
    }
    if (!S_ISSOCK(found.st_mode) && !S_ISFIFO(found.st_mode)) {
        return SPIPE_E_NOT_A_PIPE;
    }
    spipe_system(SYS_fcntl, handle, F_SETFD, FD_CLOEXEC);
    *is_socket = *is_socket && S_ISSOCK(found.st_mode);
    return SPIPE_OK;
}

/* Two descriptors of which only one is a socket are treated as pipes: polling first serves both kinds. */
static int adopt_handles(const struct spipe_endpoint *endpoint, struct spipe_pipe *ret_pipe)
{
    bool is_socket = true;
    int status = adopt_handle(endpoint->read_handle, &is_socket);
    if (status == SPIPE_OK && endpoint->write_handle != endpoint->read_handle) {
        status = adopt_handle(endpoint->write_handle, &is_socket);
    }
    if (status == SPIPE_OK) {
        *ret_pipe = (struct spipe_pipe){endpoint->read_handle, endpoint->write_handle, is_socket};
    }
    return status;
}

/* --------------------------------------------------------------------------------------------------- read and write */

static long read_some(const struct spipe_pipe *pipe, void *bytes, size_t len)
{
    if (pipe->is_socket) {
        return spipe_system(SYS_recvfrom, pipe->read_handle, bytes, len, MSG_DONTWAIT, NULL, NULL);
    }
    if ((poll_now(pipe->read_handle, POLLIN) & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) == 0) {
        return -EAGAIN;
    }
    return spipe_system(SYS_read, pipe->read_handle, bytes, len);
}

static int write_socket(const struct spipe_pipe *pipe, const void *bytes, size_t len, size_t *ret_len)
{
    long result;
    do {
        result = spipe_system(SYS_sendto, pipe->write_handle, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    } while (result == -EINTR);
    if (result < 0) {
        return status_of_transfer(result);
    }
    *ret_len = (size_t)result;
    return SPIPE_OK;
}

static long write_piece(int64_t handle, const void *bytes, size_t len)
{
    int events = poll_now(handle, POLLOUT);
    if ((events & (POLLERR | POLLNVAL | POLLHUP)) != 0) {
        return -EPIPE;
    }
    if ((events & POLLOUT) == 0) {
        return -EAGAIN;
    }
    return spipe_system(SYS_write, handle, bytes, len < PIPE_BUF ? len : PIPE_BUF);
}

static int write_pieces(const struct spipe_pipe *pipe, const unsigned char *bytes, size_t len, size_t *ret_len)
{
    size_t written = 0;
    while (written < len) {
        long result = write_piece(pipe->write_handle, bytes + written, len - written);
        if (result == -EINTR) {
            continue;
        }
        if (result <= 0 && written == 0) {
            return status_of_transfer(result);
        }
        if (result <= 0) {
            break;
        }
        written += (size_t)result;
    }
    *ret_len = written;
    return SPIPE_OK;
}

/*
 * Anonymous pipes have no MSG_NOSIGNAL, and the reader may go between poll and write. The SIGPIPE of that write is
 * sent to this very thread, so it is blocked here, taken away again if it came, and neither the program's handler nor
 * its pending signals change. On agent threads, where everything is blocked already, it would otherwise stay pending
 * for ever.
 */
static int write_pipe(const struct spipe_pipe *pipe, const void *bytes, size_t len, size_t *ret_len)
{
    uint64_t sigpipe = SIGPIPE_BIT;
    uint64_t before = 0;
    uint64_t pending = 0;
    struct timespec no_time = {0};
    size_t written = 0;
    spipe_system(SYS_rt_sigprocmask, SIG_BLOCK, &sigpipe, &before, SIGNAL_SET_SIZE);
    spipe_system(SYS_rt_sigpending, &pending, SIGNAL_SET_SIZE);
    int status = write_pieces(pipe, bytes, len, &written);
    if (written < len && (pending & SIGPIPE_BIT) == 0) {
        spipe_system(SYS_rt_sigtimedwait, &sigpipe, NULL, &no_time, SIGNAL_SET_SIZE);
    }
    spipe_system(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNAL_SET_SIZE);
    if (status == SPIPE_OK) {
        *ret_len = written;
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- wait */

static void add_handle(struct pollfd *handles, size_t *count, int64_t handle, int events)
{
    handles[(*count)++] = (struct pollfd){.fd = (int)handle, .events = (short)events};
}

/*
 * Polling reports the end of a descriptor whether asked or not. An end that is known already and not yet asked about
 * would make every wait return at once, so of two descriptors only those are polled that the caller asks about; and
 * the writing one when he asks nothing, since its end is what he still needs to know.
 */
static size_t gather_handles(const struct spipe_pipe *pipe, uint32_t events, struct pollfd *handles)
{
    size_t count = 0;
    int in = (events & SPIPE_PIPE_READABLE) != 0 ? POLLIN : 0;
    int out = (events & SPIPE_PIPE_WRITABLE) != 0 ? POLLOUT : 0;
    if (pipe->read_handle == pipe->write_handle) {
        if (pipe->read_handle >= 0) {
            add_handle(handles, &count, pipe->read_handle, in | out);
        }
        return count;
    }
    if (pipe->read_handle >= 0 && (in != 0 || pipe->write_handle < 0)) {
        add_handle(handles, &count, pipe->read_handle, in);
    }
    if (pipe->write_handle >= 0 && (out != 0 || in == 0 || pipe->read_handle < 0)) {
        add_handle(handles, &count, pipe->write_handle, out);
    }
    return count;
}

static bool is_hung_up(const struct pollfd *handle)
{
    return (handle->revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* Turns what poll says about our descriptors into our events. An end is readable and writable too, as neither would
 * wait. */
static uint32_t translate(const struct spipe_pipe *pipe, const struct pollfd *handles, size_t count)
{
    uint32_t events = 0;
    size_t hung_up = 0;
    bool knows_writer = pipe->write_handle < 0;
    for (size_t i = 0; i < count; i++) {
        int ready = is_hung_up(&handles[i]) ? POLLIN | POLLOUT : handles[i].revents;
        events |= (handles[i].events & ready & POLLIN) != 0 ? SPIPE_PIPE_READABLE : 0;
        events |= (handles[i].events & ready & POLLOUT) != 0 ? SPIPE_PIPE_WRITABLE : 0;
        hung_up += is_hung_up(&handles[i]);
        knows_writer = knows_writer || handles[i].fd == (int)pipe->write_handle;
    }
    return events | (count > 0 && hung_up == count && knows_writer ? SPIPE_PIPE_HUNG_UP : 0);
}

/* -------------------------------------------------------------------------------------------------------- listening */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Removes a socket that is ours and that nobody listens on any more, so that the name can be used. */
static int remove_stale(const char *path)
{
    struct stat found;
    struct stat again;
    struct spipe_pipe probe = SPIPE_PIPE_NONE;
    long result = look_at(path, &found);
    if (result != 0) {
        return result == -ENOENT ? SPIPE_OK : status_of_path(result);
    }
    if (!S_ISSOCK(found.st_mode)) {
        return SPIPE_E_NOT_A_PIPE;
    }
    if (found.st_uid != (uid_t)spipe_system(SYS_geteuid)) {
        return SPIPE_E_EXISTS;
    }
    int status = connect_path(path, 0, &probe);
    spipe_pipe_close(&probe);
    if (status != SPIPE_E_NOT_FOUND) {
        return SPIPE_E_EXISTS;
    }
    if (look_at(path, &again) == 0 && is_same_file(&found, &again)) {
        spipe_system(SYS_unlinkat, AT_FDCWD, path, 0);
    }
    return SPIPE_OK;
}

/* The mode is set on the socket before it has a name: the file is born with it, and nobody can connect in between. */
static int bind_socket(int64_t handle, const char *path)
{
    struct sockaddr_un address;
    int status = make_address(path, &address);
    if (status != SPIPE_OK) {
        return status;
    }
    spipe_system(SYS_fchmod, handle, 0600);
    long result = spipe_system(SYS_bind, handle, &address, sizeof(address));
    if (result == -EADDRINUSE) {
        status = remove_stale(path);
        if (status != SPIPE_OK) {
            return status;
        }
        result = spipe_system(SYS_bind, handle, &address, sizeof(address));
    }
    return result == 0 ? SPIPE_OK : status_of_path(result);
}

/* Listens on a bound socket and notes which file it is. */
static int start_listening(int64_t handle, const char *path, struct spipe_listener *ret_listener)
{
    struct stat found;
    if (look_at(path, &found) != 0 || !S_ISSOCK(found.st_mode)) {
        return SPIPE_E_EXISTS;
    }
    long result = spipe_system(SYS_listen, handle, BACKLOG);
    if (result != 0) {
        return status_of_path(result);
    }
    memset(ret_listener, 0, sizeof(*ret_listener));
    ret_listener->handle = handle;
    memcpy(ret_listener->path, path, strlen(path) + 1);
    ret_listener->device = (uint64_t)found.st_dev;
    ret_listener->inode = (uint64_t)found.st_ino;
    return SPIPE_OK;
}

/* Root may connect to anybody, as it may do everything else to our process. */
static bool is_welcome(const struct spipe_pipe *pipe)
{
    struct spipe_peer peer;
    if (spipe_pipe_peer(pipe, &peer) != SPIPE_OK || !peer.known) {
        return false;
    }
    return peer.user_id == 0 || peer.user_id == (uint32_t)spipe_system(SYS_geteuid);
}

/* ----------------------------------------------------------------------------------------------------------- public */

int spipe_pipe_connect(const struct spipe_endpoint *endpoint, uint32_t timeout_ms, struct spipe_pipe *ret_pipe)
{
    switch (endpoint->kind) {
    case SPIPE_ENDPOINT_SOCKET:
        return connect_path(endpoint->path, timeout_ms, ret_pipe);
    case SPIPE_ENDPOINT_DESCRIPTORS:
        return adopt_handles(endpoint, ret_pipe);
    default:
        return SPIPE_E_UNSUPPORTED;
    }
}

int spipe_pipe_read(struct spipe_pipe *pipe, void *bytes, size_t len, size_t *ret_len)
{
    long result;
    if (pipe->read_handle < 0) {
        return SPIPE_E_END;
    }
    do {
        result = read_some(pipe, bytes, len);
    } while (result == -EINTR);
    if (result < 0) {
        return status_of_transfer(result);
    }
    if (result == 0 && len > 0) {
        return SPIPE_E_END;
    }
    *ret_len = (size_t)result;
    return SPIPE_OK;
}

int spipe_pipe_write(struct spipe_pipe *pipe, const void *bytes, size_t len, size_t *ret_len)
{
    if (pipe->write_handle < 0) {
        return SPIPE_E_CLOSED;
    }
    return pipe->is_socket ? write_socket(pipe, bytes, len, ret_len) : write_pipe(pipe, bytes, len, ret_len);
}

int spipe_pipe_wait(const struct spipe_pipe *pipe, uint32_t events, int64_t wake_handle, uint32_t timeout_ms,
                    uint32_t *ret_events)
{
    struct pollfd handles[3];
    size_t count = gather_handles(pipe, events, handles);
    size_t own = count;
    if (wake_handle >= 0) {
        add_handle(handles, &count, wake_handle, POLLIN);
    }
    long ready = poll_handles(handles, count, timeout_ms);
    if (ready < 0) {
        return SPIPE_E_SYSTEM;
    }
    bool is_woken = count > own && handles[own].revents != 0;
    *ret_events = translate(pipe, handles, own) | (is_woken ? SPIPE_PIPE_WOKEN : 0);
    return SPIPE_OK;
}

void spipe_pipe_shut_write(struct spipe_pipe *pipe)
{
    if (pipe->is_socket) {
        spipe_system(SYS_shutdown, pipe->write_handle, SHUT_WR);
    }
    if (pipe->write_handle != pipe->read_handle) {
        close_handle(pipe->write_handle);
    }
    pipe->write_handle = -1;
}

int spipe_pipe_peer(const struct spipe_pipe *pipe, struct spipe_peer *ret_peer)
{
    struct ucred credentials = {0};
    socklen_t len = sizeof(credentials);
    int64_t handle = pipe->read_handle >= 0 ? pipe->read_handle : pipe->write_handle;
    *ret_peer = (struct spipe_peer){0};
    if (handle < 0) {
        return SPIPE_E_ARGUMENT;
    }
    if (!pipe->is_socket) {
        return SPIPE_OK;
    }
    if (spipe_system(SYS_getsockopt, handle, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0) {
        return SPIPE_E_SYSTEM;
    }
    *ret_peer = (struct spipe_peer){(uint32_t)credentials.pid, (uint32_t)credentials.uid, true};
    return SPIPE_OK;
}

void spipe_pipe_close(struct spipe_pipe *pipe)
{
    if (pipe->write_handle != pipe->read_handle) {
        close_handle(pipe->write_handle);
    }
    close_handle(pipe->read_handle);
    *pipe = (struct spipe_pipe)SPIPE_PIPE_NONE;
}

int spipe_listener_open(const struct spipe_endpoint *endpoint, struct spipe_listener *ret_listener)
{
    if (endpoint->kind != SPIPE_ENDPOINT_SOCKET) {
        return SPIPE_E_UNSUPPORTED;
    }
    int64_t handle = new_socket();
    if (handle < 0) {
        return status_of_path(handle);
    }
    int status = bind_socket(handle, endpoint->path);
    if (status == SPIPE_OK) {
        status = start_listening(handle, endpoint->path, ret_listener);
    }
    if (status != SPIPE_OK) {
        close_handle(handle);
    }
    return status;
}

int spipe_listener_accept(struct spipe_listener *listener, struct spipe_pipe *ret_pipe)
{
    long result;
    do {
        result = spipe_system(SYS_accept4, listener->handle, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (result == -EINTR || result == -ECONNABORTED);
    if (result == -EAGAIN) {
        return SPIPE_E_AGAIN;
    }
    if (result < 0) {
        return status_of_path(result);
    }
    struct spipe_pipe pipe = {result, result, true};
    if (!is_welcome(&pipe)) {
        spipe_pipe_close(&pipe);
        return SPIPE_E_FOREIGN;
    }
    *ret_pipe = pipe;
    return SPIPE_OK;
}

/* The name goes while the socket is still held: its inode number cannot have been given to another file, so a match is
 * ours. */
void spipe_listener_close(struct spipe_listener *listener)
{
    struct stat found;
    if (listener->path[0] != '\0' && look_at(listener->path, &found) == 0 && S_ISSOCK(found.st_mode) &&
        (uint64_t)found.st_dev == listener->device && (uint64_t)found.st_ino == listener->inode) {
        spipe_system(SYS_unlinkat, AT_FDCWD, listener->path, 0);
    }
    close_handle(listener->handle);
    listener->handle = -1;
    listener->path[0] = '\0';
}
