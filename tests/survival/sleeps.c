/* SPDX-License-Identifier: MIT */
/*
 * Works a little and sleeps a little, many times, in each of the calls that a signal can cut short. Prints what came
 * back, and how often the thread was woken: both are the same when nobody sends signals.
 *
 * Where somebody else has to end the sleep it is a child, which nobody samples.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS   40u
#define WORK_NS  (300 * 1000)
#define SLEEP_NS (1000 * 1000)
#define SLEEP_US 1000
#define SLEEP_MS 1
#define PIECE    4096u

static volatile uint32_t sink;
static int pipe_end[2];
static int other;
static char piece[PIECE];

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(98);
}

static long long count_wakes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* One sleep: what it returned, with errno where that is negative. */
typedef long sleep_call(void);

/* Sleeps until all rounds came back as they should; others are counted by what they were. */
static void sleep_often(sleep_call *call, long wanted, int wanted_errno)
{
    unsigned interrupted = 0;
    unsigned strange = 0;
    long long wakes = count_wakes();
    for (unsigned done = 0; done < ROUNDS;) {
        sink = burn_for(WORK_NS);
        long result = call();
        if (result == wanted && (result >= 0 || errno == wanted_errno))
            done++;
        else if (result < 0 && errno == EINTR)
            interrupted++;
        else
            strange++;
    }
    printf("calls %u\nwakes %lld\ninterrupted %u\nstrange %u\n", ROUNDS + interrupted + strange, count_wakes() - wakes,
           interrupted, strange);
    fflush(stdout);
}

/* Runs `end_sleep` once in about the time of a sleep, in a child. */
static void start_child(void (*end_sleep)(void))
{
    other = fork();
    if (other < 0)
        give_up("fork");
    while (other == 0) {
        usleep(SLEEP_US);
        end_sleep();
    }
}

static int end_child(void)
{
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- times */

static long call_nanosleep(void)
{
    struct timespec time = {0, SLEEP_NS};
    return nanosleep(&time, NULL);
}

static int sleep_in_nanosleep(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sleep_often(call_nanosleep, 0, 0);
    return 0;
}

static long call_clock_nanosleep(void)
{
    struct timespec time = {0, SLEEP_NS};
    errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    return errno == 0 ? 0 : -1;
}

static int sleep_in_clock_nanosleep(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sleep_often(call_clock_nanosleep, 0, 0);
    return 0;
}

static long call_usleep(void)
{
    return usleep(SLEEP_US);
}

static int sleep_in_usleep(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sleep_often(call_usleep, 0, 0);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- descriptors */

static long call_poll(void)
{
    struct pollfd wait = {pipe_end[0], POLLIN, 0};
    return poll(&wait, 1, SLEEP_MS);
}

static long call_select(void)
{
    struct timeval time = {0, SLEEP_US};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipe_end[0], &set);
    return select(pipe_end[0] + 1, &set, NULL, NULL, &time);
}

static long call_epoll_wait(void)
{
    struct epoll_event event;
    return epoll_wait(other, &event, 1, SLEEP_MS);
}

static void make_pipe(void)
{
    if (pipe(pipe_end) < 0)
        give_up("pipe");
}

static int sleep_in_poll(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    make_pipe();
    sleep_often(call_poll, 0, 0);
    return 0;
}

static int sleep_in_select(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    make_pipe();
    sleep_often(call_select, 0, 0);
    return 0;
}

static int sleep_in_epoll(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN};
    (void)argc;
    (void)argv;
    make_pipe();
    other = epoll_create1(0);
    if (epoll_ctl(other, EPOLL_CTL_ADD, pipe_end[0], &event) < 0)
        give_up("epoll_ctl");
    sleep_often(call_epoll_wait, 0, 0);
    return 0;
}

static long call_read(void)
{
    return read(pipe_end[0], piece, 1);
}

static void write_one(void)
{
    (void)!write(pipe_end[1], "", 1);
}

static int sleep_in_read(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    make_pipe();
    start_child(write_one);
    sleep_often(call_read, 1, 0);
    return end_child();
}

static long call_write(void)
{
    return write(pipe_end[1], piece, PIECE);
}

static void read_piece(void)
{
    (void)!read(pipe_end[0], piece, PIECE);
}

/* The pipe holds one piece, which is there when the first call comes. */
static int sleep_in_write(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    make_pipe();
    if (fcntl(pipe_end[1], F_SETPIPE_SZ, PIECE) != (int)PIECE || call_write() != PIECE)
        give_up("pipe");
    start_child(read_piece);
    sleep_often(call_write, PIECE, 0);
    return end_child();
}

/* -------------------------------------------------------------------------------------------------------- sockets */

static int make_listener(struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    struct timeval time = {0, SLEEP_US};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *ret_len = sizeof ret_address->sun_family;
    /* An address of the system's choice, which is not a file. */
    if (bind(listener, (struct sockaddr *)ret_address, *ret_len) < 0 || listen(listener, 0) < 0)
        give_up("listen");
    *ret_len = sizeof *ret_address;
    getsockname(listener, (struct sockaddr *)ret_address, ret_len);
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    return listener;
}

static long call_accept(void)
{
    return accept(other, NULL, NULL);
}

static int sleep_in_accept(int argc, char **argv)
{
    struct sockaddr_un address;
    socklen_t len;
    (void)argc;
    (void)argv;
    other = make_listener(&address, &len);
    sleep_often(call_accept, -1, EAGAIN);
    return 0;
}

static long call_recv(void)
{
    return recv(pipe_end[0], piece, PIECE, 0);
}

static int sleep_in_recv(int argc, char **argv)
{
    struct timeval time = {0, SLEEP_US};
    (void)argc;
    (void)argv;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pipe_end) < 0 ||
        setsockopt(pipe_end[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) < 0)
        give_up("socketpair");
    sleep_often(call_recv, -1, EAGAIN);
    return 0;
}

static struct sockaddr_un busy_address;
static socklen_t busy_len;

static long call_connect(void)
{
    return connect(other, (struct sockaddr *)&busy_address, busy_len);
}

/* The listener has as many connections waiting as it lets wait. */
static int sleep_in_connect(int argc, char **argv)
{
    struct timeval time = {0, SLEEP_US};
    (void)argc;
    (void)argv;
    (void)make_listener(&busy_address, &busy_len);
    other = socket(AF_UNIX, SOCK_STREAM, 0);
    if (call_connect() < 0)
        give_up("connect");
    other = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(other, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    sleep_often(call_connect, -1, EAGAIN);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- locks */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;

static struct timespec soon(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += SLEEP_NS;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static long call_cond_timedwait(void)
{
    struct timespec time = soon();
    pthread_mutex_lock(&mutex);
    errno = pthread_cond_timedwait(&condition, &mutex, &time);
    pthread_mutex_unlock(&mutex);
    return errno == 0 ? 0 : -1;
}

static int sleep_in_cond(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sleep_often(call_cond_timedwait, -1, ETIMEDOUT);
    return 0;
}

static long call_sem_timedwait(void)
{
    struct timespec time = soon();
    return sem_timedwait(&semaphore, &time);
}

static int sleep_in_sem(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sem_init(&semaphore, 0, 0);
    sleep_often(call_sem_timedwait, -1, ETIMEDOUT);
    return 0;
}

/* ------------------------------------------------------------------------------------------- System V's messages */

struct message {
    long type;
    char text[8];
};

static long call_msgrcv(void)
{
    struct message message;
    return msgrcv(pipe_end[0], &message, sizeof message.text, 1, 0);
}

static void send_message(void)
{
    struct message message = {1, ""};
    (void)msgsnd(pipe_end[0], &message, sizeof message.text, 0);
}

static int sleep_in_msgrcv(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pipe_end[0] = msgget(IPC_PRIVATE, 0600);
    if (pipe_end[0] < 0)
        give_up("msgget");
    start_child(send_message);
    sleep_often(call_msgrcv, sizeof((struct message *)NULL)->text, 0);
    (void)msgctl(pipe_end[0], IPC_RMID, NULL);
    return end_child();
}

static long call_semtimedop(void)
{
    struct sembuf down = {0, -1, 0};
    struct timespec time = {0, SLEEP_NS};
    return semtimedop(other, &down, 1, &time);
}

static int sleep_in_semop(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    other = semget(IPC_PRIVATE, 1, 0600);
    if (other < 0)
        give_up("semget");
    sleep_often(call_semtimedop, -1, EAGAIN);
    (void)semctl(other, 0, IPC_RMID);
    return 0;
}

/* -------------------------------------------------------------------------------------------------------- signals */

static volatile sig_atomic_t ticks;

static void count_tick(int number)
{
    (void)number;
    ticks++;
}

/* A pause that ends without the program's own signal is the one that must not be. */
static long call_pause(void)
{
    int before = ticks;
    (void)pause();
    errno = EINTR;
    return ticks == before ? -1 : 0;
}

static int sleep_in_pause(int argc, char **argv)
{
    struct itimerspec times = {{0, 2 * SLEEP_NS}, {0, 2 * SLEEP_NS}};
    timer_t timer;
    (void)argc;
    (void)argv;
    signal(SIGALRM, count_tick);
    if (timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0 || timer_settime(timer, 0, &times, NULL) < 0)
        give_up("timer");
    sleep_often(call_pause, 0, 0);
    return 0;
}

static long call_sigtimedwait(void)
{
    struct timespec time = {0, SLEEP_NS};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return sigtimedwait(&set, NULL, &time);
}

static int sleep_in_sigtimedwait(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sleep_often(call_sigtimedwait, -1, EAGAIN);
    return 0;
}

static const struct verb verbs[] = {
    {"nanosleep", sleep_in_nanosleep},
    {"clock_nanosleep", sleep_in_clock_nanosleep},
    {"usleep", sleep_in_usleep},
    {"poll", sleep_in_poll},
    {"select", sleep_in_select},
    {"epoll_wait", sleep_in_epoll},
    {"read", sleep_in_read},
    {"write", sleep_in_write},
    {"recv", sleep_in_recv},
    {"accept", sleep_in_accept},
    {"connect", sleep_in_connect},
    {"cond_timedwait", sleep_in_cond},
    {"sem_timedwait", sleep_in_sem},
    {"msgrcv", sleep_in_msgrcv},
    {"semtimedop", sleep_in_semop},
    {"pause", sleep_in_pause},
    {"sigtimedwait", sleep_in_sigtimedwait},
};

VERBS_MAIN(verbs)
