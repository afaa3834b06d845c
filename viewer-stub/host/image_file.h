/* SPDX-License-Identifier: MIT */
/*
 * The file that a recorded image was loaded from, if it is still to be had.
 *
 * A file counts as the one that ran when its build id is the one that was recorded; when neither has one, it is taken
 * and said to be unproven. A program that was replaced, or an image whose file is gone, is looked for by build id under
 * /usr/lib/debug; a debuginfod server is asked only when DEBUGINFOD_URLS is set in the environment. Paths come from
 * captures and are not trusted: nothing but plain files is opened.
 */
#ifndef SPIPE_HOST_IMAGE_FILE_H
#define SPIPE_HOST_IMAGE_FILE_H

#include "protocol/record.h"

enum spipe_image_file_verdict {
    SPIPE_IMAGE_FILE_PROVEN = 0,
    SPIPE_IMAGE_FILE_UNPROVEN = 1,
    SPIPE_IMAGE_FILE_BUILD_ID_DIFFERS = 2,
    SPIPE_IMAGE_FILE_MISSING = 3,
    SPIPE_IMAGE_FILE_UNREADABLE = 4, /* no permission, no plain file, no ELF image */
    SPIPE_IMAGE_FILE_NONE = 5        /* memory without a file */
};

/* Opens it for reading. Returns a descriptor of the caller's, or -1; `ret_verdict` is written in both cases. */
int spipe_image_file_open(const char *path, struct spipe_bytes build_id, enum spipe_image_file_verdict *ret_verdict);

#endif
