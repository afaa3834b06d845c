/* SPDX-License-Identifier: MIT */
/* The ELF image that the kernel maps into every process, as this process sees it. One file for each system. */
#ifndef SPIPE_HOST_OWN_VDSO_H
#define SPIPE_HOST_OWN_VDSO_H

#include "protocol/record.h"

/* The image in memory, for as long as the process lives; empty when there is none. Any thread. */
struct spipe_bytes spipe_own_vdso(void);

/* A descriptor of a file, in memory alone, that holds the image; the caller's. -1 when that cannot be. */
int spipe_own_vdso_file(void);

#endif
