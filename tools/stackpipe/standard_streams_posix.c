/* SPDX-License-Identifier: MIT */
#include "standard_streams.h"

#include "protocol/status.h"

#include <fcntl.h>
#include <unistd.h>

int spipe_standard_streams_fill(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            return SPIPE_E_SYSTEM;
        }
    } while (fd <= STDERR_FILENO);
    close(fd);
    return 0;
}
