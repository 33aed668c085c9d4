/* data_flags.h - the flags of every verb that reads a data set. */
#ifndef WHET_DATA_FLAGS_H
#define WHET_DATA_FLAGS_H
#include <stddef.h>
#include "cli.h"
typedef struct data_flags {
    const char *set, *preprocess, *labels, *part;
    int limit;
} data_flags;
#define DATA_ROWS(type, member)                                                                                        \
    CLI_ROW(type, member.set, "data", 'd', CLI_TEXT, "SET",                                                            \
            "data set: class folders, files with labels.csv, .npz, IDX, text"),                                        \
        CLI_ROW(type, member.preprocess, "preprocess", 0, CLI_TEXT, "FILE",                                            \
                "JSON with size, channels, mean, std, ..."),                                                           \
        CLI_ROW(type, member.labels, "labels", 0, CLI_TEXT, "FILE",                                                    \
                "class names, one a line (default: labels.txt beside the model)"),                                     \
        CLI_ROW(type, member.limit, "limit", 0, CLI_COUNT, "N",                                                        \
                "the first N samples in the order of their content's hash")
#define DATA_PART_ROW(type, member)                                                                                    \
    {                                                                                                                  \
        "part", 0, CLI_CHOICE, offsetof(type, member.part), "PART", "only this part of the set",                       \
            "calibration/held-out"                                                                                     \
    }
wt_data_options cli_data(const data_flags *flags);
#endif
