/* worker.c - the side that asks: starting, asking, and finding out how a worker ended. */
#include "measure/worker/worker.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/cpu.h"
#include "base/json.h"

enum { HELLO_S = 30, GRACE_MS = 1000, LAST_WORDS = 200 };

struct wt_worker {
    wt_context *ctx;
    pid_t pid; /* 0: gone */
    wt_channel line;
    FILE *talk;    /* what it says on standard error; NULL: nowhere to keep it */
    bool killed;   /* by us */
    char end[128]; /* how it ended */
    wt_status end_code;
};

/* --- starting
 * ----------------------------------------------------------------------------------------------------------- */
static int spawn(wt_worker *w, const char *program, int socket_fd)
{
    char name[] = "whet", verb[] = "worker";
    char *argv[] = { name, verb, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t signals;
    int e = posix_spawn_file_actions_init(&actions);
    if (e)
        return e;
    e = posix_spawnattr_init(&attr);
    if (e) {
        posix_spawn_file_actions_destroy(&actions);
        return e;
    }
    /* A group of its own: Ctrl-C is for us, and we end the worker. Signals as any program expects them. */
    sigfillset(&signals);
    e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!e)
        e = posix_spawnattr_setsigdefault(&attr, &signals);
    sigemptyset(&signals);
    if (!e)
        e = posix_spawnattr_setsigmask(&attr, &signals);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&actions, socket_fd, STDIN_FILENO);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&actions, socket_fd, STDOUT_FILENO);
    if (!e && w->talk)
        e = posix_spawn_file_actions_adddup2(&actions, fileno(w->talk), STDERR_FILENO);
    if (!e)
        e = posix_spawn(&w->pid, program, &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static wt_status start(wt_worker *w, const char *program, wt_err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return wt_fail_errno(err, "cannot make a line to a worker");
    w->line.in = w->line.out = pair[0];
    w->talk = tmpfile();
    if (w->talk)
        fcntl(fileno(w->talk), F_SETFD, FD_CLOEXEC);
    const int e = spawn(w, program, pair[1]);
    close(pair[1]);
    if (!e)
        return WT_OK;
    w->pid = 0;
    errno = e;
    return wt_fail_errno(err, "cannot start the worker %s", program);
}

static json_t *hello(wt_context *ctx, int threads)
{
    const uint64_t left = wt_budget_left(ctx);
    return json_pack("{s:s, s:i, s:I, s:I, s:I}", "do", "hello", "threads",
                     threads > 0 ? threads : wt_context_threads(ctx), "cpu",
                     (json_int_t)(wt_context_cpu(ctx) | WT_CPU_C), "memory_limit",
                     left == UINT64_MAX ? (json_int_t)0 : (json_int_t)left, "seed", (json_int_t)wt_context_seed(ctx));
}

wt_status wt_worker_open(wt_worker **out, wt_context *ctx, const char *program, int threads, uint64_t *empty_rss,
                         wt_err *err)
{
    json_t *answer = NULL;
    wt_worker *w = wt_alloc(ctx, 1, sizeof *w, err);
    *out = NULL;
    if (!w)
        return WT_ENOMEM;
    w->ctx = ctx;
    w->line = (wt_channel){ .ctx = ctx, .in = -1, .out = -1 };
    wt_status st = start(w, program ? program : "/proc/self/exe", err);
    if (st == WT_OK)
        st = wt_worker_ask(w, hello(ctx, threads), HELLO_S, &answer, err);
    if (st != WT_OK) {
        wt_worker_close(w);
        return st;
    }
    if (empty_rss)
        *empty_rss = (uint64_t)json_integer_value(json_object_get(answer, "rss_bytes"));
    json_decref(answer);
    *out = w;
    return WT_OK;
}

/* --- ending
 * ------------------------------------------------------------------------------------------------------------- */
static void describe_end(wt_worker *w, int status)
{
    w->end_code = WT_EINTERNAL;
    if (WIFEXITED(status)) {
        snprintf(w->end, sizeof w->end, "the worker ended with exit code %d", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        const int signal_number = WTERMSIG(status);
        const char *name = strsignal(signal_number);
        snprintf(w->end, sizeof w->end, "the worker crashed: signal %d (%s)", signal_number, name ? name : "?");
        if (signal_number == SIGKILL && !w->killed) {
            snprintf(w->end, sizeof w->end, "the system killed the worker, most likely for its memory");
            w->end_code = WT_ENOMEM;
        }
    }
}

/* Waits for the process; kills it after `grace_ms`. */
static void reap(wt_worker *w, int grace_ms)
{
    int status = 0;
    if (!w->pid)
        return;
    for (int waited = 0;; waited++) {
        if (waited == grace_ms) {
            w->killed = true;
            kill(-w->pid, SIGKILL); /* its whole group */
        }
        const pid_t got = waitpid(w->pid, &status, waited >= grace_ms ? 0 : WNOHANG);
        if (got == w->pid || (got < 0 && errno != EINTR))
            break;
        usleep(1000);
    }
    w->pid = 0;
    describe_end(w, status);
}

/* The last line of what it said, for the reason. */
static void last_words(const wt_worker *w, char *out, size_t size)
{
    char text[LAST_WORDS + 1];
    out[0] = 0;
    if (!w->talk)
        return;
    const int fd = fileno(w->talk);
    const off_t end = lseek(fd, 0, SEEK_END), from = end > LAST_WORDS ? end - LAST_WORDS : 0;
    ssize_t n = end > 0 ? pread(fd, text, LAST_WORDS, from) : 0;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    if (n <= 0)
        return;
    text[n] = 0;
    const char *line = strrchr(text, '\n');
    snprintf(out, size, "%s", line ? line + 1 : text);
}

static void hang_up(wt_worker *w)
{
    if (w->line.in >= 0)
        close(w->line.in);
    w->line.in = w->line.out = -1;
}

/* The line broke: finds out why, and says so. */
static wt_status broken(wt_worker *w, wt_status st, wt_err *err)
{
    char words[LAST_WORDS + 1];
    if (!w->pid || st == WT_ECANCELLED || st == WT_ENOMEM) {
        if (w->pid)
            reap(w, 0);
        hang_up(w);
        return st;
    }
    hang_up(w); /* a worker that merely waits sees the end of the line and goes */
    if (st == WT_ELIMIT) {
        w->killed = true;
        reap(w, 0);
        st = wt_fail(err, WT_ELIMIT, "the worker did not answer in time");
        wt_err_hint(err, "a longer --timeout, or a smaller input");
        return st;
    }
    reap(w, GRACE_MS);
    last_words(w, words, sizeof words);
    if (st == WT_EIO)
        st = wt_fail(err, w->end_code, "%s%s%s", w->end, words[0] ? ": " : "", words);
    else
        st = wt_fail(err, WT_EINTERNAL, "the worker's answer makes no sense%s%s", words[0] ? ": " : "", words);
    return st;
}

void wt_worker_close(wt_worker *w)
{
    if (!w)
        return;
    hang_up(w);
    reap(w, GRACE_MS);
    if (w->talk)
        fclose(w->talk);
    wt_free(w->ctx, w);
}

/* --- asking
 * --------------------------------------------------------------------------------------------------------------- */
static wt_status status_of(const json_t *code)
{
    const json_int_t c = json_integer_value(code);
    return c <= WT_EUSAGE && c >= WT_EINTERNAL ? (wt_status)c : WT_EINTERNAL;
}

/* The worker said no. */
static wt_status refused(wt_worker *w, const json_t *answer, wt_err *err)
{
    const char *message = json_string_value(json_object_get(answer, "message"));
    const char *hint = json_string_value(json_object_get(answer, "hint")),
               *where = json_string_value(json_object_get(answer, "where"));
    const json_t *offset = json_object_get(answer, "offset");
    const wt_status st = json_is_integer(offset) ? wt_fail_at(err, status_of(json_object_get(answer, "code")),
                                                              (uint64_t)json_integer_value(offset), "%s",
                                                              message ? message : "no reason was given")
                                                 : wt_fail(err, status_of(json_object_get(answer, "code")), "%s",
                                                           message ? message : "no reason was given");
    if (where && where[0])
        wt_err_where(err, "%s", where);
    if (hint && hint[0])
        wt_err_hint(err, "%s", hint);
    hang_up(w);
    reap(w, GRACE_MS);
    return st;
}

static uint64_t deadline_in(double seconds) { return wt_now_ns() + (uint64_t)(seconds * 1e9); }

wt_status wt_worker_ask_with(wt_worker *w, json_t *request, const wt_inputs *samples, size_t n, double timeout_s,
                             json_t **answer, wt_err *err)
{
    *answer = NULL;
    if (!request)
        return wt_fail(err, WT_ENOMEM, "no memory for a message");
    w->line.deadline = deadline_in(timeout_s);
    wt_status st = w->pid ? wt_channel_send(&w->line, request, err)
                          : wt_fail(err, WT_EINTERNAL, "the worker has ended");
    json_decref(request);
    if (st == WT_OK)
        st = wt_samples_send(&w->line, samples, n, err);
    if (st == WT_OK || st == WT_EIO) { /* who hung up early has often said why */
        const wt_status got = wt_channel_receive(&w->line, answer, err);
        st = st == WT_EIO && got == WT_ELIMIT ? WT_EIO : got;
    }
    if (st != WT_OK)
        return broken(w, st, err);
    if (json_is_true(json_object_get(*answer, "ok")))
        return WT_OK;
    st = refused(w, *answer, err);
    json_decref(*answer);
    *answer = NULL;
    return st;
}

wt_status wt_worker_ask(wt_worker *w, json_t *request, double timeout_s, json_t **answer, wt_err *err)
{
    return wt_worker_ask_with(w, request, NULL, 0, timeout_s, answer, err);
}

wt_status wt_worker_bytes(wt_worker *w, void *bytes, size_t len, double timeout_s, wt_err *err)
{
    w->line.deadline = deadline_in(timeout_s);
    const wt_status st = w->pid ? wt_channel_receive_bytes(&w->line, bytes, len, err)
                                : wt_fail(err, WT_EINTERNAL, "the worker has ended");
    return st == WT_OK ? WT_OK : broken(w, st, err);
}

wt_status wt_worker_samples(wt_worker *w, const json_t *list, double timeout_s, wt_inputs **out, size_t *n, wt_err *err)
{
    w->line.deadline = deadline_in(timeout_s);
    const wt_status st = w->pid ? wt_samples_receive(&w->line, w->ctx, list, out, n, err)
                                : wt_fail(err, WT_EINTERNAL, "the worker has ended");
    return st == WT_OK ? WT_OK : broken(w, st, err);
}
