/* SPDX-License-Identifier: MIT */
#include "verbs.h"

#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

const char *const spipe_verbs_about[] = {
    "Stackpipe is a sampling profiler. A small library, the agent, is loaded into the program; it sends call stacks "
    "through a pipe to whoever hosts it. This command is such a host: it starts a program, keeps what the agent sends "
    "in a capture file, and shows it.",
    "Nothing needs privileges, and the program need not be built in any special way. It has to be a dynamically linked "
    "64-bit glibc program.",
    "    stackpipe record -- ./program --its arguments",
    "    stackpipe report stackpipe.spipe",
    "    stackpipe export stackpipe.spipe --format html",
    NULL,
};

static const char *const record_paragraphs[] = {
    "Starts PROGRAM with the agent in it, writes what the agent sends to FILE, and ends with the program. The "
    "program's standard input, output and error, its signals, limits and working folder are those that this command "
    "was given; what this command has to say goes to standard error.",
    "The exit status is the program's own, or 128 and the signal's number when a signal ended it. When the program "
    "succeeded but nothing was recorded, the reason is printed and the status is 125; when it succeeded but the "
    "capture could not be kept whole, the status is 1. Programs that cannot be profiled (static, 32-bit, set-uid, "
    "musl) run all the same.",
    "Only the program itself is recorded, with whatever it executes in its own place; processes that it starts are "
    "left alone. With --children follow they are recorded too, and what they start: their sessions come behind the "
    "program's in the same capture, where each names its parent. Recording ends with the program: children that it "
    "leaves behind run on, and are recorded up to then. A forked child counts as a process of its own from its first "
    "millisecond of CPU time on, or when it is 20 ms old.",
    "    stackpipe record -o build.spipe --rate 1000 -- xz -T4 -k big.tar",
    "    stackpipe record -o build.spipe --children follow -- make -j8",
    NULL,
};

static const struct spipe_option_row record_options[] = {
    {"output", 'o', "FILE", SPIPE_COMPLETE_FILES,
     "Where the capture goes; stackpipe.spipe in the current folder when not given."},
    {"clock", 0, "cpu|wall", SPIPE_COMPLETE_WORDS,
     "What is measured: cpu, which is the default, is the CPU time of each thread; wall is its elapsed time too, "
     "running, waiting for a CPU, or waiting for something else. Threads that sleep are not disturbed."},
    {"rate", 0, "HZ", SPIPE_COMPLETE_NOTHING,
     "Samples for each second of CPU time that a thread uses. When not given, the agent takes 100, or the kernel's "
     "tick where that is slower. With --clock wall: looks at each thread for each second that passes, at most 1000; "
     "50 when not given."},
    {"duration", 0, "S", SPIPE_COMPLETE_NOTHING,
     "Stops recording after so many seconds (fractions allowed); the program runs on to its end."},
    {"children", 0, "follow|ignore", SPIPE_COMPLETE_WORDS,
     "What to do about the processes that the program starts: record them too, or (the default) leave them alone."},
    {"buffer", 0, "SIZE", SPIPE_COMPLETE_NOTHING,
     "Memory in which the agent keeps data that the pipe does not take yet, such as 4M or 64M."},
    {"budget", 0, "PERCENT", SPIPE_COMPLETE_NOTHING,
     "What sampling may take of the program's CPU time, 0.01 to 100; 1 when not given. The agent measures what samples "
     "cost the program's threads and its own, and when that is too much takes fewer, each of which stands for more time. "
     "100 sets no limit."},
    {"audit", 0, "N", SPIPE_COMPLETE_NOTHING,
     "Keeps, of one in N samples of each thread, the registers and the stack itself too, so that report --audit can "
     "unwind them again by other means. Such a capture holds what the program had on its stacks."},
    {"endpoint", 0, "E", SPIPE_COMPLETE_FILES,
     "Listens there (pipe:NAME, unix:/PATH or /PATH) instead of at a private socket."},
    {"quiet", 'q', NULL, SPIPE_COMPLETE_NOTHING,
     "Shows neither progress nor the summary; reasons why something failed are still printed."},
};

static const char *const report_paragraphs[] = {
    "Prints what a capture comes to: where the CPU time went by function, how much of the program's CPU time the "
    "samples stand for, and what was lost. Self is the time in the function itself, total includes what it called.",
    "A capture that was cut or damaged is shown as far as it is sound, and standard error says where and why it "
    "stopped.",
    "    stackpipe report stackpipe.spipe --top 40 --threads",
    NULL,
};

static const struct spipe_option_row report_options[] = {
    {"top", 0, "N", SPIPE_COMPLETE_NOTHING, "How many functions are listed; 20 when not given."},
    {"clock", 0, "cpu|wall", SPIPE_COMPLETE_WORDS,
     "Which clock is shown of a capture that was recorded with --clock wall; wall when not given. Then running, waiting "
     "for a CPU and waiting for something else stand apart in every table, and there is a tree for each."},
    {"tree", 0, NULL, SPIPE_COMPLETE_NOTHING, "Shows the call tree too, without the parts below half a percent."},
    {"processes", 0, NULL, SPIPE_COMPLETE_NOTHING, "Lists the program and the children that were followed too."},
    {"threads", 0, NULL, SPIPE_COMPLETE_NOTHING, "Lists the threads too."},
    {"ledger", 0, NULL, SPIPE_COMPLETE_NOTHING, "Shows the account of all samples too, sent and lost, by cause."},
    {"audit", 0, NULL, SPIPE_COMPLETE_NOTHING,
     "Unwinds the stacks that record --audit kept once more, by elfutils' libdwfl, and shows how far it comes to the "
     "same: how many frames agree of those that unwind tables speak of, by image, and the places where they differ."},
    {"json", 0, NULL, SPIPE_COMPLETE_NOTHING,
     "Prints one JSON object with all of it instead: a stable format for programs. Its samples, weight_ns, ledger, threads "
     "and functions are those of the CPU samples. What the wall clock says, where there is one, is in the member wall: "
     "samples, weight_ns, ns, rooted_ns (at stacks down to the root), not_seen_ns (at places that nobody saw), ledger (in "
     "periods), threads and functions; times there are objects with running, runnable (waiting for a CPU) and waiting."},
};

static const char *const export_paragraphs[] = {
    "Writes a capture in another form. html is a flame graph in one file of its own, which a browser opens without any "
    "network. collapsed has a line for each stack, the thread and the functions from the outermost on separated by "
    "semicolons, then its CPU time in nanoseconds: the format that flame graph tools read.",
    "    stackpipe export stackpipe.spipe --format html -o flames.html",
    "    stackpipe export stackpipe.spipe --format collapsed --thread main --from 1 --to 2.5",
    NULL,
};

static const struct spipe_option_row export_options[] = {
    {"format", 0, "collapsed|html", SPIPE_COMPLETE_WORDS, "The form to write. Has to be given."},
    {"output", 'o', "OUT", SPIPE_COMPLETE_FILES,
     "Where it goes; - is standard output. When not given: standard output for collapsed, and for html the capture's "
     "path with .html in place of .spipe."},
    {"thread", 0, "NAME", SPIPE_COMPLETE_NOTHING, "Only threads of that name, or with that number."},
    {"clock", 0, "cpu|wall", SPIPE_COMPLETE_WORDS,
     "Which clock of a capture that was recorded with --clock wall; wall when not given. Collapsed stacks then have "
     "[running], [waiting for a CPU] or [waiting] behind the thread, and the page lets one choose."},
    {"state", 0, "LIST", SPIPE_COMPLETE_NOTHING,
     "Of the wall clock only running, runnable (waiting for a CPU) or waiting, or more than one, parted by commas."},
    {"from", 0, "S", SPIPE_COMPLETE_NOTHING,
     "Only samples from that second on, counted from the start of the recording."},
    {"to", 0, "S", SPIPE_COMPLETE_NOTHING, "Only samples before that second."},
};

static const char *const dump_paragraphs[] = {
    "Prints each record of a capture as a line: where it begins, how long it is, its kind, and what it says. Long "
    "columns are abbreviated; with --json each line is a JSON object with everything in it.",
    "    stackpipe dump stackpipe.spipe | grep ledger | tail -1",
    NULL,
};

static const struct spipe_option_row dump_options[] = {
    {"json", 0, NULL, SPIPE_COMPLETE_NOTHING, "Prints a JSON object for each record."},
};

static const char *const endpoints_paragraphs[] = {
    "Lists the Unix sockets on this machine that somebody listens at and that an agent could be pointed to, with the "
    "process that holds each where the system lets this user see it. Sockets of .NET's named pipes are shown by their "
    "pipe: name too.",
    NULL,
};

static const struct spipe_option_row endpoints_options[] = {
    {"json", 0, NULL, SPIPE_COMPLETE_NOTHING, "Prints one JSON array."},
};

static const char *const doctor_paragraphs[] = {
    "Looks at what on this machine would stop or slow profiling, and, when a PROGRAM is named, whether the agent could "
    "get into that. Each line is ok, note or problem, and says what would help. The status is 0 when there is no "
    "problem, and 1 when there is one.",
    NULL,
};

static const struct spipe_option_row doctor_options[] = {
    {"json", 0, NULL, SPIPE_COMPLETE_NOTHING, "Prints one JSON array."},
};

static const char *const help_paragraphs[] = {
    "Explains a verb, or lists all of them.",
    NULL,
};

const struct spipe_verb spipe_verbs[] = {
    {"record", cmd_record, "-- PROGRAM [ARG...]", 1, -1, SPIPE_COMPLETE_PROGRAM,
     "start a program and record where it spends its CPU time", record_paragraphs, record_options,
     COUNT(record_options)},
    {"report", cmd_report, "FILE", 1, 1, SPIPE_COMPLETE_CAPTURES, "print what a capture comes to", report_paragraphs,
     report_options, COUNT(report_options)},
    {"export", cmd_export, "FILE", 1, 1, SPIPE_COMPLETE_CAPTURES,
     "write a capture as a flame graph or as collapsed stacks", export_paragraphs, export_options,
     COUNT(export_options)},
    {"dump", cmd_dump, "FILE", 1, 1, SPIPE_COMPLETE_CAPTURES, "print the records of a capture", dump_paragraphs,
     dump_options, COUNT(dump_options)},
    {"endpoints", cmd_endpoints, "", 0, 0, SPIPE_COMPLETE_NOTHING, "list the local endpoints that somebody listens at",
     endpoints_paragraphs, endpoints_options, COUNT(endpoints_options)},
    {"doctor", cmd_doctor, "[PROGRAM]", 0, 1, SPIPE_COMPLETE_PROGRAM, "find what on this machine would stop or slow profiling",
     doctor_paragraphs, doctor_options, COUNT(doctor_options)},
    {"help", cmd_help, "[VERB]", 0, 1, SPIPE_COMPLETE_VERBS, "explain a verb", help_paragraphs, NULL, 0},
};
const size_t spipe_verb_count = COUNT(spipe_verbs);

const struct spipe_variable_row spipe_verbs_variables[] = {
    {"STACKPIPE_AGENT", "The agent library to load, instead of the one that was installed with this command."},
    {"XDG_RUNTIME_DIR, TMPDIR",
     "Where record makes its private folder, the first one that is set and usable; else /tmp."},
    {"DEBUGINFOD_URLS",
     "Servers to ask for debug information that is not on this machine. Without it, nobody is asked."},
};
const size_t spipe_verbs_variable_count = COUNT(spipe_verbs_variables);

const struct spipe_exit_row spipe_verbs_exits[] = {
    {"0", "It worked."},
    {"1", "It failed; standard error says why."},
    {"2", "The options or operands were wrong."},
    {"125", "record: the program succeeded, and nothing was recorded."},
    {"126, 127", "record: the program could not be started, or was not found."},
    {"others", "record: the program's own status, or 128 and the number of the signal that ended it."},
};
const size_t spipe_verbs_exit_count = COUNT(spipe_verbs_exits);

const struct spipe_verb *spipe_verb_find(const char *name)
{
    for (size_t i = 0; i < spipe_verb_count; i++) {
        if (strcmp(spipe_verbs[i].name, name) == 0) {
            return &spipe_verbs[i];
        }
    }
    return NULL;
}
