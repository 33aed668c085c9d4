/* journal.c - see journal.h. */
#include "optimize/journal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/json.h"
#include "base/program.h"

enum { JOURNAL_LIMIT = 256 << 20 };

struct wt_journal {
    wt_context *ctx;
    char *path;
    int fd;
    char program[WT_BUILD_ID];
    json_t *machine;
    json_t *steps;           /* name -> result; null: found, and it does not hold here */
    size_t reused, outdated; /* steps that were there when it was opened */
};

static wt_status at_path(wt_status st, const wt_journal *j, wt_err *err)
{
    wt_err_where(err, "%s", j->path);
    return st;
}

/* Whether a step's result holds here, too. */
static bool holds(const wt_journal *j, const json_t *line)
{
    const char *program = json_string_value(json_object_get(line, "program"));
    if (!j->program[0] || !program || strcmp(program, j->program))
        return false;
    if (json_equal(json_object_get(line, "machine"), j->machine))
        return true;
    if (json_is_true(json_object_get(line, "measured")))
        return false;
    json_object_del(json_object_get(line, "result"), "seconds"); /* what it took there is no news of this machine */
    return true;
}

static void take_step(wt_journal *j, const json_t *line)
{
    const char *step = json_string_value(json_object_get(line, "step"));
    if (step && holds(j, line))
        json_object_set(j->steps, step, json_object_get(line, "result"));
    else if (step)
        json_object_set_new(j->steps, step, json_null());
}

static void count_steps(wt_journal *j)
{
    const char *step;
    const json_t *result;
    json_object_foreach(j->steps, step, result) * (json_is_null(result) ? &j->outdated : &j->reused) += 1;
}

/* Bytes of whole lines that were understood; what follows was cut off in the middle of a write. */
static wt_status read_lines(wt_journal *j, const char *text, size_t len, const json_t *identity, size_t *good,
                            wt_err *err)
{
    bool first = true;
    *good = 0;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        json_error_t e;
        json_t *line = end ? json_loadb(text + at, (size_t)(end - text) - at, 0, &e) : NULL;
        if (!line)
            return WT_OK;
        if (first && !json_equal(line, identity)) {
            json_decref(line);
            const wt_status st = wt_fail(err, WT_EUSAGE,
                                         "this journal belongs to another model, other data or other options");
            wt_err_hint(err, "repeat the options it was started with, or start again with --force");
            return at_path(st, j, err);
        }
        if (!first)
            take_step(j, line);
        json_decref(line);
        first = false;
        at = (size_t)(end - text) + 1;
        *good = at;
    }
    return WT_OK;
}

static wt_status go_on(wt_journal *j, const json_t *identity, size_t *good, wt_err *err)
{
    char *text;
    size_t len;
    *good = 0;
    if (!wt_path_exists(j->path))
        return WT_OK;
    WT_TRY(wt_read_file(j->ctx, j->path, JOURNAL_LIMIT, &text, &len, err));
    const wt_status st = read_lines(j, text, len, identity, good, err);
    wt_free(j->ctx, text);
    count_steps(j);
    return st;
}

static wt_status append(wt_journal *j, const json_t *line, wt_err *err)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text)
        return wt_fail(err, WT_ENOMEM, "no memory for a line of the journal");
    const size_t len = strlen(text);
    text[len] = '\n'; /* over the terminating zero */
    size_t done = 0;
    while (done <= len) {
        const ssize_t n = write(j->fd, text + done, len + 1 - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    free(text);
    if (done <= len || fsync(j->fd))
        return at_path(wt_fail_errno(err, "cannot write the journal"), j, err);
    return WT_OK;
}

static wt_status start(wt_journal *j, const char *dir, const json_t *identity, bool resume, wt_err *err)
{
    size_t good = 0;
    j->steps = json_object();
    j->path = wt_path_join(j->ctx, dir, "journal", err);
    if (!j->steps || !j->path)
        return WT_ENOMEM;
    if (resume)
        WT_TRY(go_on(j, identity, &good, err));
    j->fd = open(j->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (j->fd < 0 || ftruncate(j->fd, (off_t)good))
        return at_path(wt_fail_errno(err, "cannot open the journal"), j, err);
    return good ? WT_OK : append(j, identity, err);
}

wt_status wt_journal_open(wt_journal **out, wt_context *ctx, const char *dir, const json_t *identity,
                          const char *program, json_t *machine, bool resume, wt_err *err)
{
    *out = NULL;
    wt_journal *j = wt_alloc(ctx, 1, sizeof *j, err);
    if (!j)
        return WT_ENOMEM;
    j->ctx = ctx;
    j->fd = -1;
    j->machine = json_incref(machine);
    snprintf(j->program, sizeof j->program, "%s", program);
    const wt_status st = start(j, dir, identity, resume, err);
    if (st != WT_OK) {
        wt_journal_close(j);
        return st;
    }
    *out = j;
    return WT_OK;
}

void wt_journal_close(wt_journal *j)
{
    if (!j)
        return;
    if (j->fd >= 0)
        close(j->fd);
    json_decref(j->steps);
    json_decref(j->machine);
    wt_free(j->ctx, j->path);
    wt_free(j->ctx, j);
}

const json_t *wt_journal_find(const wt_journal *j, const char *step)
{
    const json_t *result = json_object_get(j->steps, step);
    return json_is_null(result) ? NULL : result;
}

wt_status wt_journal_add(wt_journal *j, const char *step, wt_step_kind kind, json_t *result, wt_err *err)
{
    json_t *line = json_pack("{s:s, s:b, s:s, s:O, s:O}", "step", step, "measured", kind == WT_STEP_MEASURED, "program",
                             j->program, "machine", j->machine, "result", result);
    if (!line || json_object_set_new(j->steps, step, result)) {
        json_decref(line);
        return wt_fail(err, WT_ENOMEM, "no memory for the journal");
    }
    const wt_status st = append(j, line, err);
    json_decref(line);
    return st;
}

size_t wt_journal_reused(const wt_journal *j) { return j->reused; }
size_t wt_journal_outdated(const wt_journal *j) { return j->outdated; }
