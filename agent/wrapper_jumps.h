/* SPDX-License-Identifier: MIT */
/* What wrappers_linux.c and the jumping wrappers know of each other. */
#ifndef SPIPE_AGENT_WRAPPER_JUMPS_H
#define SPIPE_AGENT_WRAPPER_JUMPS_H

/* The functions behind; set by spipe_wrappers_init(). Never NULL after the call of a `before` function. */
extern __attribute__((visibility("hidden"))) void *spipe_next_syscall;
extern __attribute__((visibility("hidden"))) void *spipe_next_dlopen;
extern __attribute__((visibility("hidden"))) void *spipe_next_dlmopen;

/* Called first, with the caller's arguments. */
__attribute__((visibility("hidden"))) void spipe_wrappers_before_syscall(long number, long operation, long flags);
__attribute__((visibility("hidden"))) void spipe_wrappers_before_dlopen(void);

#endif
