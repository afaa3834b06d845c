/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "fault_pipe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RELAYS_MAX  64u
#define BUFFER_SIZE 65536u

/* Seen by all processes. */
struct shared {
    _Atomic uint32_t connections;
    _Atomic uint32_t faults;
};

struct fault_pipe {
    struct fault_plan plan;
    char endpoint[128];
    char path[108];
    char host_path[108];
    int listener; /* of the first relay, made before anybody may connect */
    pid_t watcher;
    struct shared *shared;
};

/* One way of a connection. */
struct way {
    int from;
    int to;
    bool is_over;
    bool is_broken; /* nobody takes it any more */
    size_t start;
    size_t end;
    uint64_t passed; /* bytes */
    uint8_t bytes[BUFFER_SIZE];
};

struct relay {
    struct way stream; /* agent to host */
    struct way words;  /* host to agent */
    bool is_faulty;    /* the fault is still to come */
    bool is_stalled;
    uint64_t stalled_until_ms;
};

static void fail(const char *what)
{
    fprintf(stderr, "fault_pipe: %s: %s\n", what, strerror(errno));
    abort();
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void sleep_ms(uint32_t ms)
{
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0777) < 0 ||
        listen(listener, 16) < 0)
        fail(path);
    return listener;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (host < 0 || connect(host, (struct sockaddr *)&address, sizeof address) < 0)
        fail(path);
    return host;
}

/* ------------------------------------------------------------------------------------------------------ one relay */

static void close_relay(struct relay *relay)
{
    close(relay->stream.from);
    close(relay->stream.to);
    relay->stream.from = -1;
}

static void shut(struct way *way)
{
    way->is_over = true;
    way->start = way->end;
    (void)shutdown(way->to, SHUT_WR);
}

static void write_some(const struct fault_plan *plan, struct way *way)
{
    while (way->start < way->end) {
        size_t len = way->end - way->start;
        if (plan->chunk != 0 && len > plan->chunk)
            len = plan->chunk;
        ssize_t written = send(way->to, way->bytes + way->start, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (written < 0) {
            way->is_broken = true;
            return;
        }
        way->start += (size_t)written;
        way->passed += (uint64_t)written;
    }
}

/* Up to `most` bytes; what is beyond the place of a fault stays with the sender. */
static void read_some(const struct fault_plan *plan, struct way *way, uint64_t most)
{
    size_t len = most < BUFFER_SIZE ? (size_t)most : BUFFER_SIZE;
    ssize_t got = recv(way->from, way->bytes, len, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        shut(way);
        return;
    }
    way->start = 0;
    way->end = (size_t)got;
    write_some(plan, way);
}

/* True when the relay is over. */
static bool do_fault(struct fault_pipe *pipe, struct relay *relay)
{
    relay->is_faulty = false;
    atomic_fetch_add(&pipe->shared->faults, 1);
    switch (pipe->plan.fault) {
    case FAULT_NONE:
    case FAULT_NEVER_ANSWER:
    case FAULT_HANG_UP:
        break;
    case FAULT_STALL:
    case FAULT_NEVER_READ:
        relay->is_stalled = true;
        relay->stalled_until_ms =
            pipe->plan.fault == FAULT_NEVER_READ || pipe->plan.for_ms == 0 ? UINT64_MAX : now_ms() + pipe->plan.for_ms;
        break;
    case FAULT_STOP:
        raise(SIGSTOP);
        break;
    case FAULT_KILL:
        raise(SIGKILL);
        break;
    case FAULT_RESET:
        return true;
    case FAULT_SHUT_WORDS:
        shut(&relay->words);
        break;
    case FAULT_SHUT_STREAM:
        (void)shutdown(relay->stream.from, SHUT_RD);
        shut(&relay->stream);
        break;
    }
    return false;
}

static bool may_read(const struct relay *relay, const struct way *way)
{
    return !way->is_over && way->start == way->end && !relay->is_stalled;
}

static void serve_relay(struct fault_pipe *pipe, struct relay *relay)
{
    uint64_t left = pipe->plan.after - relay->stream.passed;
    if (relay->is_stalled && now_ms() >= relay->stalled_until_ms)
        relay->is_stalled = false;
    write_some(&pipe->plan, &relay->stream);
    write_some(&pipe->plan, &relay->words);
    if (may_read(relay, &relay->words))
        read_some(&pipe->plan, &relay->words, BUFFER_SIZE);
    if (may_read(relay, &relay->stream) && (!relay->is_faulty || left > 0))
        read_some(&pipe->plan, &relay->stream, relay->is_faulty ? left : BUFFER_SIZE);
    bool is_over = relay->is_faulty && relay->stream.passed >= pipe->plan.after && do_fault(pipe, relay);
    bool is_broken = relay->stream.is_broken || relay->words.is_broken;
    if (is_over || is_broken || (relay->stream.is_over && relay->words.is_over))
        close_relay(relay);
}

/* ----------------------------------------------------------------------------------------------------- all relays */

static bool is_hit(const struct fault_pipe *pipe)
{
    return pipe->plan.fault != FAULT_NONE &&
           (pipe->plan.times == 0 || atomic_load(&pipe->shared->faults) < pipe->plan.times);
}

static void accept_one(struct fault_pipe *pipe, struct relay *relays)
{
    int agent = accept4(pipe->listener, NULL, NULL, SOCK_CLOEXEC);
    struct relay *relay = relays;
    if (agent < 0)
        return;
    atomic_fetch_add(&pipe->shared->connections, 1);
    while (relay < relays + RELAYS_MAX && relay->stream.from >= 0)
        relay++;
    bool is_faulty = is_hit(pipe);
    if (relay == relays + RELAYS_MAX || (is_faulty && pipe->plan.fault == FAULT_HANG_UP)) {
        atomic_fetch_add(&pipe->shared->faults, 1);
        close(agent);
        return;
    }
    memset(relay, 0, sizeof *relay);
    if (is_faulty && pipe->plan.fault == FAULT_NEVER_ANSWER) {
        atomic_fetch_add(&pipe->shared->faults, 1);
        relay->is_stalled = true;
        relay->stalled_until_ms = UINT64_MAX;
    } else {
        relay->is_faulty = is_faulty;
    }
    int host = connect_to(pipe->host_path);
    relay->stream.from = relay->words.to = agent;
    relay->stream.to = relay->words.from = host;
}

/* What a way waits for: bytes to pass on, or room for those that it holds. */
static size_t add_wait(struct pollfd *wait, const struct relay *relay, const struct way *way)
{
    if (way->start < way->end)
        *wait = (struct pollfd){way->to, POLLOUT, 0};
    else if (may_read(relay, way))
        *wait = (struct pollfd){way->from, POLLIN, 0};
    else
        return 0;
    return 1;
}

static void wait_for_work(const struct fault_pipe *pipe, const struct relay *relays)
{
    struct pollfd wait[2 * RELAYS_MAX + 1];
    size_t count = 0;
    int timeout_ms = -1;
    wait[count++] = (struct pollfd){pipe->listener, POLLIN, 0};
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        const struct relay *relay = &relays[i];
        if (relay->stream.from < 0)
            continue;
        count += add_wait(&wait[count], relay, &relay->stream);
        count += add_wait(&wait[count], relay, &relay->words);
        if (relay->is_stalled && relay->stalled_until_ms != UINT64_MAX)
            timeout_ms = 10;
    }
    (void)poll(wait, count, timeout_ms);
}

static void run_relays(struct fault_pipe *pipe)
{
    struct relay *relays = calloc(RELAYS_MAX, sizeof *relays);
    if (relays == NULL)
        fail("calloc");
    for (size_t i = 0; i < RELAYS_MAX; i++)
        relays[i].stream.from = -1;
    for (;;) {
        wait_for_work(pipe, relays);
        accept_one(pipe, relays);
        for (size_t i = 0; i < RELAYS_MAX; i++) {
            if (relays[i].stream.from >= 0)
                serve_relay(pipe, &relays[i]);
        }
    }
}

/* -------------------------------------------------------------------------------------------------------- watcher */

static pid_t start_relay(struct fault_pipe *pipe)
{
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_relays(pipe);
    }
    close(pipe->listener);
    return pid;
}

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

/* Whatever has happened to the relay, it lasts for as long as the plan says. */
static void watch(struct fault_pipe *pipe)
{
    pid_t relay = start_relay(pipe);
    for (int status; waitpid(relay, &status, WUNTRACED) == relay;) {
        if (pipe->plan.for_ms == 0)
            wait_for_ever();
        if (WIFSTOPPED(status)) {
            sleep_ms(pipe->plan.for_ms);
            kill(relay, SIGCONT);
            continue;
        }
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            fail("the relay has ended");
        sleep_ms(pipe->plan.for_ms);
        unlink(pipe->path);
        pipe->listener = listen_at(pipe->path);
        relay = start_relay(pipe);
    }
}

struct fault_pipe *fault_pipe_start(const char *folder, const char *host_path, struct fault_plan plan)
{
    static unsigned number;
    struct fault_pipe *pipe = calloc(1, sizeof *pipe);
    if (pipe == NULL)
        fail("calloc");
    pipe->plan = plan;
    snprintf(pipe->path, sizeof pipe->path, "%s/fault-%d-%u", folder, (int)getpid(), ++number);
    snprintf(pipe->endpoint, sizeof pipe->endpoint, "unix:%s", pipe->path);
    snprintf(pipe->host_path, sizeof pipe->host_path, "%s", host_path);
    pipe->shared = mmap(NULL, sizeof *pipe->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pipe->shared == MAP_FAILED)
        fail("mmap");
    pipe->listener = listen_at(pipe->path);
    pipe->watcher = fork();
    if (pipe->watcher < 0)
        fail("fork");
    if (pipe->watcher == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        watch(pipe);
        _exit(1);
    }
    close(pipe->listener);
    return pipe;
}

const char *fault_pipe_endpoint(const struct fault_pipe *pipe)
{
    return pipe->endpoint;
}

uint32_t fault_pipe_connections(const struct fault_pipe *pipe)
{
    return atomic_load(&pipe->shared->connections);
}

uint32_t fault_pipe_faults(const struct fault_pipe *pipe)
{
    return atomic_load(&pipe->shared->faults);
}

void fault_pipe_free(struct fault_pipe *pipe)
{
    if (pipe == NULL)
        return;
    kill(pipe->watcher, SIGKILL);
    waitpid(pipe->watcher, NULL, 0);
    unlink(pipe->path);
    munmap(pipe->shared, sizeof *pipe->shared);
    free(pipe);
}
