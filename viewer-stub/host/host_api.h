/* SPDX-License-Identifier: MIT */
/*
 * What the shared library exports: the functions marked with SPIPE_HOST_API, and nothing else.
 */
#ifndef SPIPE_HOST_HOST_API_H
#define SPIPE_HOST_HOST_API_H

#define SPIPE_HOST_API __attribute__((visibility("default")))

#endif
