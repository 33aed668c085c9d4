/* cli.h - the frame of the program: verbs are rows, options are rows, and help, manual and parsing follow from them. */
#ifndef WHET_CLI_H
#define WHET_CLI_H
#include <stdbool.h>
#include <stdio.h>
#include "whet/context.h"
#include "whet/measure.h"
#include "whet/result.h"

typedef enum cli_kind {
    CLI_FLAG,  /* int: 1 when given */
    CLI_TEXT,  /* const char * */
    CLI_LIST,  /* cli_list: may be given several times */
    CLI_INT,   /* int */
    CLI_COUNT, /* int, not negative */
    CLI_REAL,  /* double */
    CLI_SIZE,  /* uint64_t: bytes, with k, M, G, KiB, MiB, GiB */
    CLI_TIME,  /* double: seconds, with ms, s, min, h */
    CLI_CHOICE /* const char *, one of `choices`, words separated by '/' */
} cli_kind;

typedef struct cli_list {
    const char **items;
    size_t n;
} cli_list;

typedef struct cli_option {
    const char *name; /* "input" for --input */
    char letter;      /* 'o' for -o; 0: none */
    cli_kind kind;
    size_t offset;   /* of the variable in the verb's (or the common) struct */
    const char *arg; /* what help calls the value: "FILE" */
    const char *help;
    const char *choices;
} cli_option;
#define CLI_ROW(type, member, name, letter, kind, arg, help)                                                           \
    {                                                                                                                  \
        name, letter, kind, offsetof(type, member), arg, help, NULL                                                    \
    }

/* What every verb understands. */
typedef struct cli_common {
    int json, quiet, verbose, no_progress, force, help;
    const char *output, *engine, *color;
    int threads;
    uint64_t memory_limit;
    int seed;
    cli_list input_shapes, passes_off;
    const char *cpu_mask;
} cli_common;

typedef struct cli {
    cli_common common;
    const struct cli_verb *verb;
    void *args;          /* the verb's own struct */
    const char **inputs; /* what is no option */
    size_t n_inputs;
    wt_context *ctx;
    bool color_out, color_err, progress_on_terminal;
    struct cli_progress *progress;
} cli;

typedef struct cli_verb {
    const char *name, *summary;
    const char *usage;         /* "MODEL --input [NAME=]FILE..." */
    const char *details;       /* paragraphs of the manual */
    const cli_option *options; /* ended by name NULL; may be NULL */
    size_t args_size;
    void (*defaults)(void *args); /* NULL: zeros */
    size_t min_inputs, max_inputs;
    int (*run)(cli *c); /* returns the exit code */
    bool hidden;
    int engines; /* how many it takes with --engine; 0: only our own */
} cli_verb;
extern const cli_verb *const cli_verbs[]; /* ended by NULL; main.c */
const cli_verb *cli_find_verb(const char *name);
extern const cli_option cli_common_options[];

/* options.c: 0, or the exit code after a message. */
int cli_parse(cli *c, int argc, char **argv);
void cli_free(cli *c);
wt_exec_options cli_exec(const cli *c);
wt_dtype cli_kv_dtype(const char *name); /* the choices of --kv; NULL: f16 */

/* read_text.c: an error of the program itself, and whole texts, which the caller frees. path NULL or "-": standard
 * input. A string is a text without a zero byte. */
wt_status cli_error(wt_err *err, wt_status code, const char *where, const char *message, const char *hint);
wt_status cli_read_text(const char *path, char **out, size_t *len, wt_err *err);
wt_status cli_read_string(const char *path, char **out, wt_err *err);

/* help.c */
void cli_print_usage(FILE *out);
void cli_print_help(FILE *out, const cli_verb *verb);
void cli_print_man(FILE *out);
int cli_help_run(cli *c);

/* output.c: everything a verb prints goes through these. */
int cli_fail(cli *c, wt_status status, const wt_err *err); /* prints the error, frees nothing; returns the exit code */
int cli_usage(cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints the result as JSON under --json, else calls `text`; frees the result. status decides the exit code; err is
 * printed when the status is not WT_OK (a verdict's reason too). */
int cli_finish(cli *c, wt_status status, const wt_err *err, wt_result *result,
               void (*text)(cli *c, const wt_result *r));
/* For verbs that print themselves: 0, or the exit code after a message when standard output could not be written. */
int cli_flush(void);
void cli_log(void *user, wt_log_level level, const char *line);
void cli_progress_sink(void *user, const wt_progress *progress);
void cli_progress_end(cli *c);
/* A table on standard output: columns separated by '\t' in each row are aligned; numbers to the right. */
typedef struct cli_table cli_table;
cli_table *cli_table_new(const char *header); /* NULL header: none */
void cli_table_row(cli_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_table_print(cli_table *t, FILE *out);               /* and frees it */
const char *cli_bytes(double bytes, char *out, size_t size); /* "1.2 MB" */
const char *cli_count(double n, char *out, size_t size);     /* "1.2 M" */
const char *cli_bold(const cli *c), *cli_red(const cli *c), *cli_green(const cli *c), *cli_yellow(const cli *c),
    *cli_dim(const cli *c), *cli_reset(const cli *c);
#endif
