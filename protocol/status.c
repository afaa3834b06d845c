/* SPDX-License-Identifier: MIT */
#include "status.h"

const char *spipe_status_name(int status)
{
    switch (status) {
#define NAME_CASE(name, value, message) \
    case value:                         \
        return #name;
        SPIPE_STATUS_MAP(NAME_CASE)
#undef NAME_CASE
    default:
        return "SPIPE_E_UNKNOWN";
    }
}

const char *spipe_status_message(int status)
{
    switch (status) {
#define MESSAGE_CASE(name, value, message) \
    case value:                            \
        return message;
        SPIPE_STATUS_MAP(MESSAGE_CASE)
#undef MESSAGE_CASE
    default:
        return "an unknown status";
    }
}
