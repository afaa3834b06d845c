/* SPDX-License-Identifier: MIT */
/*
 * Linux system calls made directly: each returns the kernel's value, or the negative errno.
 *
 * libc's functions are not for agent threads, which libc does not know: they write errno into thread-local storage, are
 * cancellation points, and some take locks. These touch nothing but their arguments, so any thread may call them.
 */
#ifndef SPIPE_PROTOCOL_SYSTEM_LINUX_H
#define SPIPE_PROTOCOL_SYSTEM_LINUX_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long spipe_system_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define SPIPE_SYSTEM_PICK(_0, _1, _2, _3, _4, _5, _6, name, ...) name
#define SPIPE_SYSTEM_0(n) spipe_system_call((n), 0, 0, 0, 0, 0, 0)
#define SPIPE_SYSTEM_1(n, a) spipe_system_call((n), (long)(a), 0, 0, 0, 0, 0)
#define SPIPE_SYSTEM_2(n, a, b) spipe_system_call((n), (long)(a), (long)(b), 0, 0, 0, 0)
#define SPIPE_SYSTEM_3(n, a, b, c) spipe_system_call((n), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SPIPE_SYSTEM_4(n, a, b, c, d) spipe_system_call((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SPIPE_SYSTEM_5(n, a, b, c, d, e) \
    spipe_system_call((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SPIPE_SYSTEM_6(n, a, b, c, d, e, f) \
    spipe_system_call((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* spipe_system(SYS_close, fd): a call with up to six arguments, of any integer or pointer type. */
#define spipe_system(...)                                                                                              \
    SPIPE_SYSTEM_PICK(__VA_ARGS__, SPIPE_SYSTEM_6, SPIPE_SYSTEM_5, SPIPE_SYSTEM_4, SPIPE_SYSTEM_3, SPIPE_SYSTEM_2,     \
                      SPIPE_SYSTEM_1, SPIPE_SYSTEM_0, 0)(__VA_ARGS__)

#endif
