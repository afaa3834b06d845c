/* SPDX-License-Identifier: MIT */
#include "report_text.h"

#include "plain_text.h"
#include "report_columns.h"

#include <inttypes.h>

void spipe_report_write_processes(const struct spipe_summary *summary, FILE *stream)
{
    fprintf(stream, "\n%8s %8s %10s %12s %12s  %s\n", "pid", "parent", "samples", "weight ms", "CPU ms", "program");
    for (size_t i = 0; i < summary->processes.count; i++) {
        const struct spipe_process *process = &summary->processes.process[i];
        const struct spipe_process *parent =
            process->parent == SPIPE_STORE_NONE ? NULL : &summary->processes.process[process->parent];
        fprintf(stream, "%8" PRIu32 " %8" PRIu32 " %10" PRIu64 " %12.1f %12.1f  ", process->pid,
                parent != NULL ? parent->pid : process->parent_pid, process->samples,
                spipe_report_columns_ms(process->weight_ns), spipe_report_columns_ms(process->cpu_ns));
        spipe_plain_text_write(process->executable, stream);
        fputc('\n', stream);
    }
}
