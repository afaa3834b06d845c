/* SPDX-License-Identifier: MIT */
/* The part of the wrappers that is about signals: the program sets, finds and waits for what it would without us. */
#include "wrappers.h"

#include "clock.h"
#include "control.h"
#include "handler.h"
#include "next_symbol.h"
#include "protocol/system_linux.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define EXPORT    __attribute__((visibility("default")))
#define MOVE_MS   1000u
#define NS_PER_S  UINT64_C(1000000000)
#define MASK_SIZE 8
#define HOLD      ((sighandler_t)2) /* SIG_HOLD, which only some feature sets declare */

/* Which headers declare these depends on what a program asks of them. */
EXPORT sighandler_t bsd_signal(int signal_number, sighandler_t handler);
EXPORT sighandler_t __sysv_signal(int signal_number, sighandler_t handler);
EXPORT int signalfd(int descriptor, const sigset_t *set, int flags);

static struct {
    int (*sigaction)(int, const struct sigaction *, struct sigaction *);
    sighandler_t (*signal)(int, sighandler_t);
    sighandler_t (*__sysv_signal)(int, sighandler_t);
    sighandler_t (*sigset)(int, sighandler_t);
    int (*sigignore)(int);
    int (*setitimer)(__itimer_which_t, const struct itimerval *, struct itimerval *);
    int (*sigwaitinfo)(const sigset_t *, siginfo_t *);
    int (*sigtimedwait)(const sigset_t *, siginfo_t *, const struct timespec *);
    int (*sigpending)(sigset_t *);
    int (*signalfd)(int, const sigset_t *, int);
} next;

/* What handlers may call was looked up at the start; the rest when it is first called. */
static bool has_next(void *function, const char *name)
{
    void *address;
    memcpy(&address, function, sizeof address);
    if (address == NULL) {
        address = spipe_next_symbol(name);
        memcpy(function, &address, sizeof address);
    }
    if (address == NULL)
        errno = ENOSYS;
    return address != NULL;
}

#define HAS_NEXT(name) has_next(&next.name, #name)

void spipe_signal_wrappers_init(void)
{
    int saved = errno;
    (void)HAS_NEXT(sigaction);
    (void)HAS_NEXT(signal);
    (void)HAS_NEXT(setitimer);
    (void)HAS_NEXT(sigwaitinfo);
    (void)HAS_NEXT(sigtimedwait);
    (void)HAS_NEXT(sigpending);
    errno = saved;
}

/* --------------------------------------------------------------------------------------------------- dispositions */

static bool is_fronted_here(int signal_number)
{
    return spipe_signals_is_fronted(signal_number) && spipe_control_is_own_process();
}

/* The program wants a signal that we use: we take another one, and stay in front of this one for signals of ours still
 * on their way. */
static void give_up_signal(int signal_number)
{
    if (spipe_signals_current() != signal_number)
        return;
    spipe_signals_avoid(signal_number);
    spipe_control_request(SPIPE_REQUEST_MOVE_SIGNAL);
    if (atomic_load(&spipe_control.is_active) != 0)
        (void)spipe_control_wait(SPIPE_REQUEST_MOVE_SIGNAL, MOVE_MS);
}

static int exchange_action(int signal_number, const struct sigaction *action, struct sigaction *old)
{
    if (action != NULL && action->sa_handler != SIG_DFL)
        give_up_signal(signal_number);
    int status = spipe_signals_exchange(signal_number, action, old);
    if (status < 0) {
        errno = -status;
        return -1;
    }
    return 0;
}

static sighandler_t exchange_handler(int signal_number, sighandler_t handler, unsigned flags, bool blocks_itself)
{
    struct sigaction action;
    struct sigaction old;
    uint64_t mask = blocks_itself ? UINT64_C(1) << (signal_number - 1) : 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = (int)flags;
    memcpy(&action.sa_mask, &mask, sizeof mask);
    return exchange_action(signal_number, &action, &old) < 0 ? SIG_ERR : old.sa_handler;
}

EXPORT int sigaction(int signal_number, const struct sigaction *action, struct sigaction *old)
{
    if (!HAS_NEXT(sigaction))
        return -1;
    if (is_fronted_here(signal_number))
        return exchange_action(signal_number, action, old);
    int status = next.sigaction(signal_number, action, old);
    if (status == 0 && old != NULL)
        spipe_signals_unveil(signal_number, old);
    return status;
}

static sighandler_t unveil_handler(int signal_number, sighandler_t handler)
{
    struct sigaction old;
    memset(&old, 0, sizeof old);
    old.sa_handler = handler;
    spipe_signals_unveil(signal_number, &old);
    return old.sa_handler;
}

EXPORT sighandler_t signal(int signal_number, sighandler_t handler)
{
    if (!HAS_NEXT(signal))
        return SIG_ERR;
    if (is_fronted_here(signal_number))
        return exchange_handler(signal_number, handler, SA_RESTART, true);
    return unveil_handler(signal_number, next.signal(signal_number, handler));
}

EXPORT sighandler_t bsd_signal(int signal_number, sighandler_t handler)
{
    return signal(signal_number, handler);
}

EXPORT sighandler_t ssignal(int signal_number, sighandler_t handler)
{
    return signal(signal_number, handler);
}

/* What signal() is in programs built for System V's manner: once, and not blocked meanwhile. */
EXPORT sighandler_t __sysv_signal(int signal_number, sighandler_t handler)
{
    if (!HAS_NEXT(__sysv_signal))
        return SIG_ERR;
    if (is_fronted_here(signal_number))
        return exchange_handler(signal_number, handler, (unsigned)SA_RESETHAND | (unsigned)SA_NODEFER, false);
    return unveil_handler(signal_number, next.__sysv_signal(signal_number, handler));
}

EXPORT sighandler_t sysv_signal(int signal_number, sighandler_t handler)
{
    return __sysv_signal(signal_number, handler);
}

/* The signal is unblocked with its handler, or blocked instead of getting one; what comes back says when it was blocked
 * before. */
EXPORT sighandler_t sigset(int signal_number, sighandler_t handler)
{
    if (!HAS_NEXT(sigset))
        return SIG_ERR;
    if (!is_fronted_here(signal_number))
        return unveil_handler(signal_number, next.sigset(signal_number, handler));
    sigset_t set;
    sigset_t before;
    struct sigaction old;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    if (exchange_action(signal_number, NULL, &old) < 0)
        return SIG_ERR;
    if (handler != HOLD && exchange_handler(signal_number, handler, 0, false) == SIG_ERR)
        return SIG_ERR;
    if (sigprocmask(handler == HOLD ? SIG_BLOCK : SIG_UNBLOCK, &set, &before) < 0)
        return SIG_ERR;
    return sigismember(&before, signal_number) == 1 ? HOLD : old.sa_handler;
}

EXPORT int sigignore(int signal_number)
{
    if (!HAS_NEXT(sigignore))
        return -1;
    if (!is_fronted_here(signal_number))
        return next.sigignore(signal_number);
    return exchange_handler(signal_number, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
}

EXPORT int setitimer(__itimer_which_t which, const struct itimerval *value, struct itimerval *old)
{
    if (!HAS_NEXT(setitimer))
        return -1;
    if (which == ITIMER_PROF && is_fronted_here(SIGPROF))
        give_up_signal(SIGPROF);
    return next.setitimer(which, value, old);
}

/* -------------------------------------------------------------------------------------------------------- waiting */

/* A thread that has blocked our signal may have one of ours pending from before we knew. It is not what the program
 * waits for. */
static bool is_ours(int signal_number, const siginfo_t *info)
{
    return signal_number > 0 && spipe_signals_is_fronted(signal_number) && spipe_handler_is_ours(info);
}

/* What is left of the time; no pointer stays none. */
static const struct timespec *left_until(uint64_t end_ns, const struct timespec *timeout, struct timespec *left)
{
    uint64_t now_ns = spipe_clock_monotonic_ns();
    uint64_t left_ns = now_ns < end_ns ? end_ns - now_ns : 0;
    if (timeout == NULL)
        return NULL;
    *left = (struct timespec){(time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S)};
    return left;
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    siginfo_t own_info;
    struct timespec left;
    if (!HAS_NEXT(sigtimedwait))
        return -1;
    siginfo_t *found = info != NULL ? info : &own_info;
    int signal_number = next.sigtimedwait(set, found, timeout);
    if (!is_ours(signal_number, found))
        return signal_number;
    uint64_t end_ns = spipe_clock_monotonic_ns();
    if (timeout != NULL)
        end_ns += (uint64_t)timeout->tv_sec * NS_PER_S + (uint64_t)timeout->tv_nsec;
    do
        signal_number = next.sigtimedwait(set, found, left_until(end_ns, timeout, &left));
    while (is_ours(signal_number, found));
    return signal_number;
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    siginfo_t own_info;
    siginfo_t *found = info != NULL ? info : &own_info;
    int signal_number;
    if (!HAS_NEXT(sigwaitinfo))
        return -1;
    do
        signal_number = next.sigwaitinfo(set, found);
    while (is_ours(signal_number, found));
    return signal_number;
}

EXPORT int sigwait(const sigset_t *set, int *ret_signal_number)
{
    siginfo_t info;
    int signal_number;
    int saved = errno;
    if (!HAS_NEXT(sigwaitinfo))
        return ENOSYS;
    do
        signal_number = next.sigwaitinfo(set, &info);
    while ((signal_number < 0 && errno == EINTR) || is_ours(signal_number, &info));
    int status = signal_number < 0 ? errno : 0;
    errno = saved;
    if (status == 0)
        *ret_signal_number = signal_number;
    return status;
}

/* -------------------------------------------------------------------------------------------------------- pending */

/* Takes off a signal of ours that waits for the calling thread, which blocks it. One of the program's is put back as it
 * was. True when there is such a one. */
static bool take_off_ours(int signal_number)
{
    uint64_t mask = UINT64_C(1) << (signal_number - 1);
    struct timespec now = {0, 0};
    siginfo_t info;
    while (spipe_system(SYS_rt_sigtimedwait, &mask, &info, &now, MASK_SIZE) == signal_number) {
        if (spipe_handler_is_ours(&info))
            continue;
        (void)spipe_system(SYS_rt_tgsigqueueinfo, spipe_system(SYS_getpid), spipe_system(SYS_gettid), signal_number,
                           &info);
        return true;
    }
    return false;
}

EXPORT int sigpending(sigset_t *set)
{
    if (!HAS_NEXT(sigpending))
        return -1;
    int status = next.sigpending(set);
    for (int number = 1; status == 0 && number < NSIG; number++) {
        if (sigismember(set, number) == 1 && is_fronted_here(number) && !take_off_ours(number))
            (void)sigdelset(set, number);
    }
    return status;
}

static bool is_everything(const sigset_t *set)
{
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        if (sigismember(set, number) != 1)
            return false;
    }
    return sigismember(set, SIGPROF) == 1 && sigismember(set, SIGSTKFLT) == 1 && sigismember(set, SIGPWR) == 1;
}

static void avoid_signals(const sigset_t *set)
{
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(set, number) == 1 && number != spipe_signals_current())
            spipe_signals_avoid(number);
    }
}

/* Nobody comes between the program and what it reads from such a descriptor. So we go to a signal that it does not ask
 * for; where it asks for all, it does without the one that is ours then. */
static void leave_signals(const sigset_t *asked, sigset_t *ret_left)
{
    int before = spipe_signals_current();
    *ret_left = *asked;
    if (!is_everything(asked))
        avoid_signals(asked);
    if (sigismember(asked, before) == 1) {
        give_up_signal(before);
        (void)take_off_ours(before);
        (void)sigdelset(ret_left, spipe_signals_current());
    }
    avoid_signals(asked);
}

EXPORT int signalfd(int descriptor, const sigset_t *set, int flags)
{
    sigset_t left;
    if (!HAS_NEXT(signalfd))
        return -1;
    if (!spipe_control_is_own_process() || spipe_signals_current() == 0)
        return next.signalfd(descriptor, set, flags);
    leave_signals(set, &left);
    return next.signalfd(descriptor, &left, flags);
}
