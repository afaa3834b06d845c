/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include "handler.h"
#include "protocol/system_linux.h"

#include <stdatomic.h>
#include <string.h>

#define KERNEL_RESTORER 0x04000000UL
#define KERNEL_SIGNALS 64
#define MASK_SIZE 8
#define ALL_SIGNALS (~UINT64_C(0))

/* The kernel's struct sigaction on x86-64; libc's has another order. */
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* What the program has set for a signal that we stand in front of. */
struct fronted {
    _Atomic uint32_t is_fronted;
    _Atomic(void (*)(int, siginfo_t *, void *)) handler;
    _Atomic unsigned long flags;
    _Atomic uint64_t mask;
};

static struct fronted fronts[KERNEL_SIGNALS + 1];
static _Atomic uint32_t avoided[KERNEL_SIGNALS + 1];
static _Atomic int current;
static enum spipe_signal_class wanted;

void spipe_signals_restore(void);

/* The bytes are those that debuggers and unwinders know a signal frame by. */
__asm__(".text\n"
        ".type spipe_signals_restore, @function\n"
        ".hidden spipe_signals_restore\n"
        "nop\n"
        "spipe_signals_restore:\n"
        "mov $15, %rax\n"
        "syscall\n"
        ".size spipe_signals_restore, . - spipe_signals_restore\n");

static long set_action(int signal_number, const struct kernel_action *action, struct kernel_action *ret_old)
{
    return spipe_system(SYS_rt_sigaction, signal_number, action, ret_old, MASK_SIZE);
}

/* A signal of the program's without a handler: let the kernel do what it would have done. This is the one place where
 * the handler makes system calls, and the signal was none of ours. */
__attribute__((noinline)) static void do_default_action(int signal_number)
{
    struct kernel_action action = {0};
    (void)set_action(signal_number, &action, NULL);
    uint64_t mask = UINT64_C(1) << (signal_number - 1);
    (void)spipe_system(SYS_tgkill, spipe_system(SYS_getpid), spipe_system(SYS_gettid), signal_number);
    (void)spipe_system(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, MASK_SIZE);
}

static void handle(int signal_number, siginfo_t *info, void *context)
{
    if (spipe_handler_take(info, context))
        return;
    struct fronted *front = &fronts[signal_number];
    void (*handler)(int, siginfo_t *, void *) = atomic_load_explicit(&front->handler, memory_order_acquire);
    if ((uintptr_t)handler == (uintptr_t)SIG_IGN)
        return;
    if ((uintptr_t)handler == (uintptr_t)SIG_DFL) {
        do_default_action(signal_number);
        return;
    }
    if (atomic_load_explicit(&front->flags, memory_order_relaxed) & SA_RESETHAND)
        atomic_store_explicit(&front->handler, NULL, memory_order_relaxed);
    handler(signal_number, info, context);
}

static bool is_free(int signal_number)
{
    struct kernel_action action;
    if (atomic_load(&avoided[signal_number]) || set_action(signal_number, NULL, &action) < 0)
        return false;
    if (action.handler == handle)
        return atomic_load(&fronts[signal_number].handler) == NULL;
    return action.handler == NULL;
}

/* ITIMER_PROF sends SIGPROF, and it survives exec. */
static bool has_profiling_timer(void)
{
    long value[4] = {0, 0, 0, 0};
    return spipe_system(SYS_getitimer, 2, value) == 0 && (value[0] | value[1] | value[2] | value[3]) != 0;
}

static int choose_standard(void)
{
    if (is_free(SIGPROF) && !has_profiling_timer())
        return SIGPROF;
    /* Nobody sends the first any more, and the second goes to a system's init. */
    if (wanted == SPIPE_SIGNAL_STANDARD)
        return is_free(SIGSTKFLT) ? SIGSTKFLT : is_free(SIGPWR) ? SIGPWR : 0;
    return 0;
}

static int choose(void)
{
    int standard = wanted == SPIPE_SIGNAL_REAL_TIME ? 0 : choose_standard();
    if (standard != 0 || wanted == SPIPE_SIGNAL_STANDARD)
        return standard;
    for (int number = KERNEL_SIGNALS; number > 34; number--) {
        if (is_free(number))
            return number;
    }
    return 0;
}

void spipe_signals_prefer(enum spipe_signal_class class)
{
    wanted = class;
}

/* What the kernel is to have for the program's wish. A signal that is ignored, and that we do not use any more, is
 * really ignored: programs that this one executes inherit that. While a sample is taken no handler of the program's may
 * come in between, since it may jump away and never come back to ours. */
static struct kernel_action make_front_action(bool is_current, void (*handler)(int, siginfo_t *, void *),
                                              unsigned long flags, uint64_t mask)
{
    bool is_ignored = (uintptr_t)handler == (uintptr_t)SIG_IGN;
    bool has_handler = !is_ignored && (uintptr_t)handler != (uintptr_t)SIG_DFL;
    struct kernel_action action = {handle, (flags & ~(unsigned long)SA_RESETHAND) | SA_SIGINFO | KERNEL_RESTORER,
                                   spipe_signals_restore, mask};
    if (is_current)
        action.flags |= SA_RESTART | SA_ONSTACK;
    if (is_current && !has_handler)
        action.mask = ALL_SIGNALS;
    if (!is_current && is_ignored)
        action.handler = handler;
    return action;
}

int spipe_signals_take(void)
{
    int number = choose();
    if (number == 0)
        return 0;
    struct fronted *front = &fronts[number];
    struct kernel_action action = make_front_action(true, NULL, 0, 0);
    if (set_action(number, &action, NULL) < 0)
        return 0;
    if (!atomic_load(&front->is_fronted)) {
        atomic_store_explicit(&front->flags, 0, memory_order_relaxed);
        atomic_store_explicit(&front->handler, NULL, memory_order_release);
        atomic_store(&front->is_fronted, 1);
    }
    atomic_store(&current, number);
    return number;
}

int spipe_signals_current(void)
{
    return atomic_load(&current);
}

bool spipe_signals_is_ours(void)
{
    struct kernel_action action;
    return set_action(spipe_signals_current(), NULL, &action) == 0 && action.handler == handle;
}

void spipe_signals_give_up(void)
{
    int number = spipe_signals_current();
    spipe_signals_avoid(number);
    atomic_store(&fronts[number].is_fronted, 0);
}

bool spipe_signals_is_fronted(int signal_number)
{
    return signal_number > 0 && signal_number <= KERNEL_SIGNALS && atomic_load(&fronts[signal_number].is_fronted);
}

static void read_front(const struct fronted *front, struct sigaction *ret_action)
{
    uint64_t mask = atomic_load(&front->mask);
    memset(ret_action, 0, sizeof *ret_action);
    ret_action->sa_sigaction = atomic_load(&front->handler);
    ret_action->sa_flags = (int)atomic_load(&front->flags);
    memcpy(&ret_action->sa_mask, &mask, sizeof mask);
}

int spipe_signals_exchange(int signal_number, const struct sigaction *action, struct sigaction *ret_old)
{
    struct fronted *front = &fronts[signal_number];
    struct sigaction old;
    read_front(front, &old);
    if (action != NULL) {
        unsigned long flags = (unsigned long)(unsigned)action->sa_flags | KERNEL_RESTORER;
        uint64_t mask;
        memcpy(&mask, &action->sa_mask, sizeof mask);
        bool is_current = signal_number == spipe_signals_current();
        struct kernel_action front_action = make_front_action(is_current, action->sa_sigaction, flags, mask);
        long status = set_action(signal_number, &front_action, NULL);
        if (status < 0)
            return (int)status;
        atomic_store(&front->flags, flags);
        atomic_store(&front->mask, mask);
        atomic_store(&front->handler, action->sa_sigaction);
    }
    if (ret_old != NULL)
        *ret_old = old;
    return 0;
}

void spipe_signals_unveil(int signal_number, struct sigaction *action)
{
    if (signal_number > 0 && signal_number <= KERNEL_SIGNALS && action->sa_sigaction == handle)
        read_front(&fronts[signal_number], action);
}

void spipe_signals_avoid(int signal_number)
{
    if (signal_number > 0 && signal_number <= KERNEL_SIGNALS)
        atomic_store(&avoided[signal_number], 1);
}
