/* output.c - what people and scripts see: results on standard output, talk on standard error. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli.h"

/* --- colours
 * ------------------------------------------------------------------------------------------------------------ */
static const char *paint(const cli *c, const char *code) { return c->color_out ? code : ""; }

const char *cli_bold(const cli *c) { return paint(c, "\033[1m"); }
const char *cli_red(const cli *c) { return paint(c, "\033[31m"); }
const char *cli_green(const cli *c) { return paint(c, "\033[32m"); }
const char *cli_yellow(const cli *c) { return paint(c, "\033[33m"); }
const char *cli_dim(const cli *c) { return paint(c, "\033[2m"); }
const char *cli_reset(const cli *c) { return paint(c, "\033[0m"); }

/* --- errors
 * --------------------------------------------------------------------------------------------------------------- */
/* One line, whatever a file has put into it: control characters would talk to the terminal. */
static void put_plain(const char *text)
{
    for (const char *p = text; *p; p++)
        fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, stderr);
}

static void print_error_text(const cli *c, const wt_err *err)
{
    const char *red = c->color_err ? "\033[31m" : "", *off = c->color_err ? "\033[0m" : "";
    char offset[48] = "";
    if (err->offset != WT_NO_OFFSET)
        snprintf(offset, sizeof offset, " at byte %llu", (unsigned long long)err->offset);
    fprintf(stderr, "%swhet: error:%s ", red, off);
    put_plain(err->where);
    if (err->where[0] || offset[0])
        fprintf(stderr, "%s: ", offset + (err->where[0] ? 0 : 1));
    put_plain(err->message[0] ? err->message : "no reason was given");
    fputc('\n', stderr);
    if (err->hint[0]) {
        fputs("hint: ", stderr);
        put_plain(err->hint);
        fputc('\n', stderr);
    }
}

/* What to do where nobody knows anything better. */
static wt_err with_hint(wt_status status, const wt_err *err)
{
    wt_err out = *err;
    if (status == WT_EFORMAT && !out.hint[0])
        snprintf(out.hint, sizeof out.hint, "correct what is named, or get the file again from where it came");
    return out;
}

int cli_fail(cli *c, wt_status status, const wt_err *why)
{
    const wt_err full = with_hint(status, why), *err = &full;
    cli_progress_end(c);
    fflush(stdout);
    if (c->common.json) {
        char *json = wt_err_text(c->verb ? c->verb->name : "help", status, err);
        fputs(json ? json : "", stdout);
        wt_text_free(json);
    }
    print_error_text(c, err);
    return wt_status_exit_code(status);
}

int cli_usage(cli *c, const char *fmt, ...)
{
    wt_err err = { .code = WT_EUSAGE, .offset = WT_NO_OFFSET };
    va_list args;
    va_start(args, fmt);
    vsnprintf(err.message, sizeof err.message, fmt, args);
    va_end(args);
    return cli_fail(c, WT_EUSAGE, &err);
}

int cli_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fputs("whet: error: standard output: cannot write the result\n", stderr);
    return wt_status_exit_code(WT_EIO);
}

int cli_finish(cli *c, wt_status status, const wt_err *err, wt_result *result, void (*text)(cli *c, const wt_result *r))
{
    int code = wt_status_exit_code(status);
    cli_progress_end(c);
    if (!result)
        return cli_fail(c, status, err);
    if (c->common.json) {
        char *json = wt_result_text(result, 2);
        if (json)
            fputs(json, stdout);
        else
            code = wt_status_exit_code(WT_ENOMEM);
        wt_text_free(json);
    } else if (!c->common.quiet) {
        text(c, result);
    }
    wt_result_free(result);
    const int written = cli_flush();
    if (written)
        return written;
    if (status != WT_OK)
        print_error_text(c, err);
    return code;
}

/* --- log and progress
 * --------------------------------------------------------------------------------------------------------- */
void cli_log(void *user, wt_log_level level, const char *line)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    cli *c = user;
    const wt_log_level most = c->common.quiet ? WT_LOG_ERROR : c->common.verbose ? WT_LOG_DEBUG : WT_LOG_INFO;
    if (level > most)
        return;
    cli_progress_end(c);
    fprintf(stderr, "whet: %s: ", names[level]);
    put_plain(line);
    fputc('\n', stderr);
}

struct cli_progress {
    char task[64];
    double started, shown;
    bool line_open;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void cli_progress_end(cli *c)
{
    if (c->progress && c->progress->line_open) {
        fputs("\r\033[K", stderr);
        c->progress->line_open = false;
    }
}

static void show_progress(cli *c, const wt_progress *p, double now)
{
    struct cli_progress *s = c->progress;
    char eta[32] = "";
    const double spent = now - s->started;
    if (p->total && p->done && p->done < p->total && spent > 1)
        snprintf(eta, sizeof eta, ", %.0f s left", spent * (double)(p->total - p->done) / (double)p->done);
    if (c->progress_on_terminal)
        fputs("\r\033[K", stderr);
    if (p->total)
        fprintf(stderr, "%s: %llu of %llu %s (%.0f %%)%s", p->task, (unsigned long long)p->done,
                (unsigned long long)p->total, p->unit, 100.0 * (double)p->done / (double)p->total, eta);
    else
        fprintf(stderr, "%s: %llu %s", p->task, (unsigned long long)p->done, p->unit);
    s->line_open = c->progress_on_terminal;
    if (!c->progress_on_terminal)
        fputc('\n', stderr);
}

/* On a terminal one line that changes ten times a second; elsewhere a plain line every ten seconds. */
void cli_progress_sink(void *user, const wt_progress *p)
{
    cli *c = user;
    const double now = now_s();
    if (c->common.quiet || c->common.no_progress)
        return;
    if (!c->progress && !(c->progress = calloc(1, sizeof *c->progress)))
        return;
    if (strncmp(c->progress->task, p->task, sizeof c->progress->task - 1)) {
        snprintf(c->progress->task, sizeof c->progress->task, "%s", p->task);
        c->progress->started = now;
        c->progress->shown = now - (c->progress_on_terminal ? 1 : 0);
    }
    if (now - c->progress->shown < (c->progress_on_terminal ? 0.1 : 10))
        return;
    c->progress->shown = now;
    show_progress(c, p, now);
}

/* --- tables
 * ------------------------------------------------------------------------------------------------------------------------
 */
enum { MAX_COLUMNS = 16 };
struct cli_table {
    char **lines; /* cells separated by tabs; the first is the header when there is one */
    size_t n;
    bool header;
};

static void add_line(cli_table *t, char *line)
{
    char **more = realloc(t->lines, (t->n + 1) * sizeof *more);
    if (!more) {
        free(line);
        return;
    }
    t->lines = more;
    t->lines[t->n++] = line;
}

cli_table *cli_table_new(const char *header)
{
    cli_table *t = calloc(1, sizeof *t);
    if (t && header) {
        char *line = strdup(header);
        t->header = true;
        if (line)
            add_line(t, line);
    }
    return t;
}

void cli_table_row(cli_table *t, const char *fmt, ...)
{
    va_list args;
    char line[2048];
    if (!t)
        return;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    char *copy = strdup(line);
    if (copy)
        add_line(t, copy);
}

/* Columns on the terminal that a UTF-8 cell takes. */
static size_t width(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

static bool numeric(const char *s, size_t len)
{
    return len &&
           ((s[0] >= '0' && s[0] <= '9') || (len > 1 && (s[0] == '-' || s[0] == '+') && s[1] >= '0' && s[1] <= '9'));
}

static void print_line(FILE *out, const char *line, const size_t *widths, const bool *right)
{
    for (size_t k = 0; k < MAX_COLUMNS; k++) {
        const size_t len = strcspn(line, "\t");
        const int pad = (int)(widths[k] - width(line, len));
        if (right[k])
            fprintf(out, "%*s%.*s", pad, "", (int)len, line);
        else
            fprintf(out, "%.*s%*s", (int)len, line, line[len] ? pad : 0, "");
        if (!line[len])
            break;
        fputs("  ", out);
        line += len + 1;
    }
    fputc('\n', out);
}

void cli_table_print(cli_table *t, FILE *out)
{
    size_t widths[MAX_COLUMNS] = { 0 };
    bool right[MAX_COLUMNS];
    if (!t)
        return;
    for (size_t k = 0; k < MAX_COLUMNS; k++)
        right[k] = true;
    for (size_t i = 0; i < t->n; i++) {
        const char *p = t->lines[i];
        for (size_t k = 0; k < MAX_COLUMNS; k++) {
            const size_t len = strcspn(p, "\t");
            if (width(p, len) > widths[k])
                widths[k] = width(p, len);
            if (!(t->header && i == 0) && len && !(len == 1 && *p == '-') && !numeric(p, len))
                right[k] = false;
            if (!p[len])
                break;
            p += len + 1;
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        print_line(out, t->lines[i], widths, right);
        free(t->lines[i]);
    }
    free(t->lines);
    free(t);
}

static const char *scaled(double v, const char *const *units, const char *plain, char *out, size_t size)
{
    int u = -1;
    while (fabs(v) >= 1000 && u < 4) {
        v /= 1000;
        u++;
    }
    if (u < 0)
        snprintf(out, size, "%.0f%s", v, plain);
    else
        snprintf(out, size, fabs(v) < 10 ? "%.2f %s" : fabs(v) < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

const char *cli_bytes(double bytes, char *out, size_t size)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB", "PB" };
    return scaled(bytes, units, " B", out, size);
}

const char *cli_count(double n, char *out, size_t size)
{
    static const char *const units[] = { "k", "M", "G", "T", "P" };
    return scaled(n, units, "", out, size);
}
