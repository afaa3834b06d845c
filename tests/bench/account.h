/* SPDX-License-Identifier: MIT */
/* What a session's records come to, in the numbers that the benchmark wants. */
#ifndef SPIPE_BENCH_ACCOUNT_H
#define SPIPE_BENCH_ACCOUNT_H

#include "protocol/record.h"

#include <stdio.h>

struct account;

struct account *account_new(void);
void account_free(struct account *account);

/* Counts a record that has just arrived. */
void account_add(struct account *account, const struct spipe_record *record, size_t message_len);

/* Writes it as the members of a JSON object, without braces. */
void account_print(struct account *account, FILE *out);

#endif
