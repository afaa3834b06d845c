/* SPDX-License-Identifier: MIT */
#ifndef SPIPE_TESTS_SURVIVAL_LIBRARY_H
#define SPIPE_TESTS_SURVIVAL_LIBRARY_H

#include <stdint.h>

#define LIBRARY_WORK_SIZE 0x200 /* more than the code of library_work() and what is inlined there */

/* Works some 200 us a piece; what it returns depends on the version. */
uint32_t library_work(unsigned pieces);

/* The thread that ran the constructor. */
extern int library_constructor_tid;

/* Where the destructor is to leave the number of its thread. */
void library_watch(int *tid);

#endif
