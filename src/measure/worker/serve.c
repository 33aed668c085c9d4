/* serve.c - the side that is asked (worker.h has the messages). It serves one model in a context of its own, so that
 * what that context counted is what the model took. After the first failure it says why and ends. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>
#include <time.h>
#include "base/clock.h"
#include "measure/worker/serve.h"

/* --- reading requests
 * --------------------------------------------------------------------------------------------------- */
double wt_request_number(const json_t *request, const char *key, double fallback)
{
    const json_t *v = json_object_get(request, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

int64_t wt_request_whole(const json_t *request, const char *key, int64_t least, int64_t most)
{
    const json_t *v = json_object_get(request, key);
    const int64_t n = json_is_integer(v) ? json_integer_value(v) : least;
    return n < least ? least : n > most ? most : n;
}

const char *wt_request_text(const json_t *request, const char *key)
{
    const char *text = json_string_value(json_object_get(request, key));
    return text ? text : "";
}

size_t wt_request_texts(const json_t *request, const char *key, const char *out[WT_MOST_TEXTS])
{
    const json_t *list = json_object_get(request, key);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < WT_MOST_TEXTS; i++)
        if (json_is_string(json_array_get(list, i)))
            out[n++] = json_string_value(json_array_get(list, i));
    return n;
}

wt_status wt_no_answer(wt_err *err) { return wt_fail(err, WT_ENOMEM, "no memory for an answer"); }

/* --- what can be asked
 * ---------------------------------------------------------------------------------------------------- */
static wt_status do_hello(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    wt_context_options o = wt_context_defaults();
    if (s->ctx)
        return wt_fail(err, WT_EUSAGE, "hello was said already");
    o.threads = (int)wt_request_whole(request, "threads", 0, 1024);
    o.cpu_mask = (uint32_t)wt_request_whole(request, "cpu", 0, UINT32_MAX);
    o.memory_limit = (uint64_t)wt_request_whole(request, "memory_limit", 0, INT64_MAX);
    o.seed = (uint64_t)wt_request_whole(request, "seed", INT64_MIN, INT64_MAX);
    WT_TRY(wt_context_open(&s->ctx, &o, err));
    return json_object_set_new(answer, "rss_bytes", json_integer((json_int_t)wt_peak_rss())) ? wt_no_answer(err)
                                                                                             : WT_OK;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* How often somebody else got a core that one of our threads was using. */
static long taken_away(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_nivcsw : 0;
}

static wt_status timed_runs(wt_server *s, double seconds, size_t least, size_t most, size_t *n, wt_err *err)
{
    const uint64_t begin = wt_now_ns(), length = (uint64_t)(seconds * 1e9);
    for (*n = 0; *n < most && (*n < least || wt_now_ns() - begin < length);) {
        const long before = taken_away();
        const uint64_t start = wt_now_ns();
        WT_TRY(wt_serve_run_once(s, err));
        s->ms[*n] = wt_ms_since(start);
        s->interrupted[(*n)++] = taken_away() != before;
    }
    return WT_OK;
}

static wt_status do_run(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    const double seconds = wt_request_number(request, "seconds", 0);
    const size_t least = (size_t)wt_request_whole(request, "min_runs", 1, WT_MOST_RUNS),
                 most = (size_t)wt_request_whole(request, "max_runs", 1, WT_MOST_RUNS);
    const size_t drop = (size_t)wt_request_whole(request, "drop", 0, WT_MOST_RUNS);
    size_t n = 0;
    if (!s->model || !s->samples)
        return wt_fail(err, WT_EUSAGE, "run comes behind open");
    if (!(seconds >= 0 && seconds <= 86400) || least > most)
        return wt_fail(err, WT_EUSAGE, "run asks for what cannot be");
    /* Of the caller's context: the model's counts what the model takes. */
    WT_TRY(wt_grow(s->line.ctx, (void **)&s->ms, &s->ms_cap, most, sizeof *s->ms, err));
    WT_TRY(wt_grow(s->line.ctx, (void **)&s->interrupted, &s->interrupted_cap, most, 1, err));
    for (size_t i = 0; i < drop; i++)
        WT_TRY(wt_serve_run_once(s, err));
    const double cpu = cpu_seconds();
    const uint64_t start = wt_now_ns();
    WT_TRY(timed_runs(s, seconds, least, most, &n, err));
    s->n_times = n;
    const double wall_s = wt_ms_since(start) * 1e-3, cpu_s = cpu_seconds() - cpu;
    return json_object_set_new(answer, "runs", json_integer((json_int_t)n)) ||
                   json_object_set_new(answer, "cpu_s", json_real(cpu_s)) ||
                   json_object_set_new(answer, "wall_s", json_real(wall_s))
               ? wt_no_answer(err)
               : WT_OK;
}

static wt_status do_speak(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    double prefill_s, decode_s;
    if (!s->speaker.decoder)
        return wt_fail(err, WT_EUSAGE, "speak comes behind open-language");
    WT_TRY(wt_speaker_run(&s->speaker, wt_request_whole(request, "prompt", 1, INT32_MAX),
                          wt_request_whole(request, "gen", 0, INT32_MAX), wt_context_seed(s->ctx), &prefill_s,
                          &decode_s, err));
    return json_object_set_new(answer, "prefill_s", json_real(prefill_s)) ||
                   json_object_set_new(answer, "decode_s", json_real(decode_s))
               ? wt_no_answer(err)
               : WT_OK;
}

/* What the model takes: of a language model the caches are among what runs need. Foreign engines may not say. */
static bool memory_use(const wt_server *s, wt_plan_memory *m)
{
    wt_engine_decoder *d = s->speaker.decoder;
    if (d)
        return d->engine->decoder_memory && d->engine->decoder_memory(d, m);
    return s->model && s->model->engine->memory && s->model->engine->memory(s->model, m);
}

static wt_status do_memory(wt_server *s, json_t *request, json_t *answer, wt_err *err)
{
    (void)request;
    wt_plan_memory m = { 0 };
    if (!s->model && !s->speaker.decoder)
        return wt_fail(err, WT_EUSAGE, "memory comes behind open");
    const bool known = memory_use(s, &m);
    const struct {
        const char *key;
        uint64_t value;
        bool known;
    } rows[] = {
        { "rss_bytes", wt_current_rss(), true },
        { "peak_rss_bytes", wt_peak_rss(), true },
        { "peak_heap_bytes", wt_context_memory_peak(s->ctx), known },
        { "weights_bytes", m.weights_bytes, known },
        { "mapped_bytes", m.mapped_bytes, known },
        { "activation_bytes", m.activation_bytes, known },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (json_object_set_new(answer, rows[i].key,
                                rows[i].known ? json_integer((json_int_t)rows[i].value) : json_null()))
            return wt_no_answer(err);
    return WT_OK;
}

static wt_status send_times(wt_server *s, wt_err *err)
{
    WT_TRY(wt_channel_send_bytes(&s->line, s->ms, s->n_times * sizeof *s->ms, err));
    return wt_channel_send_bytes(&s->line, s->interrupted, s->n_times, err);
}

static const struct {
    const char *name;
    wt_serve_fn *fn;
    wt_status (*then)(wt_server *s, wt_err *err); /* sends what follows the answer */
} requests[] = {
    { "hello", do_hello, NULL },
    { "probe", wt_serve_probe, NULL },
    { "open", wt_serve_open, NULL },
    { "run", do_run, send_times },
    { "infer", wt_serve_infer, wt_serve_send_outputs },
    { "nodes", wt_serve_nodes, NULL },
    { "open-language", wt_serve_open_language, NULL },
    { "speak", do_speak, NULL },
    { "rewind", wt_serve_rewind, NULL },
    { "feed", wt_serve_feed, wt_serve_send_logits },
    { "memory", do_memory, NULL },
};

/* --- the loop
 * --------------------------------------------------------------------------------------------------------------- */
static json_t *refusal(wt_status st, const wt_err *e)
{
    json_t *o = json_pack("{s:b, s:i, s:o, s:o, s:o}", "ok", 0, "code", (int)st, "message", wt_json_text(e->message),
                          "hint", wt_json_text(e->hint), "where", wt_json_text(e->where));
    if (o && e->offset != WT_NO_OFFSET)
        json_object_set_new(o, "offset", json_integer((json_int_t)e->offset));
    return o;
}

static wt_status answer_one(wt_server *s, json_t *request, wt_err *err)
{
    const char *name = json_string_value(json_object_get(request, "do"));
    wt_err why = { .offset = WT_NO_OFFSET };
    json_t *answer = json_pack("{s:b}", "ok", 1);
    size_t i = 0;
    while (i < WT_ARRAY_LEN(requests) && (!name || strcmp(requests[i].name, name) != 0))
        i++;
    const bool known = i < WT_ARRAY_LEN(requests);
    const wt_status st = !answer ? wt_no_answer(&why)
                         : known ? requests[i].fn(s, request, answer, &why)
                                 : wt_fail(&why, WT_EUSAGE, "the worker does not know this request");
    if (st != WT_OK) {
        json_decref(answer);
        answer = refusal(st, &why);
    }
    wt_status sent = answer ? wt_channel_send(&s->line, answer, err) : wt_no_answer(err);
    if (sent == WT_OK && st == WT_OK && requests[i].then)
        sent = requests[i].then(s, err);
    json_decref(answer);
    if (st != WT_OK && err)
        *err = why;
    return st != WT_OK ? st : sent;
}

static void server_close(wt_server *s)
{
    if (s->model)
        s->model->engine->close(s->model);
    wt_serve_forget_opening(s);
    wt_speaker_close(&s->speaker, s->ctx);
    for (size_t i = 0; i < s->n_samples; i++)
        wt_inputs_free(&s->samples[i]);
    if (s->ctx)
        wt_free(s->ctx, s->samples);
    wt_free(s->line.ctx, s->ms);
    wt_free(s->line.ctx, s->interrupted);
    wt_context_close(s->ctx);
}

wt_status wt_worker_serve(wt_context *ctx, int in_fd, int out_fd, wt_err *err)
{
    wt_server s = { .line = { .ctx = ctx, .in = in_fd, .out = out_fd } };
    wt_err e = { .offset = WT_NO_OFFSET };
    wt_status st = WT_OK;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody asks any more: a worker in the middle of something must not stay */
#endif
    while (st == WT_OK) {
        json_t *request;
        st = wt_channel_receive(&s.line, &request, &e);
        if (st != WT_OK)
            break;
        st = answer_one(&s, request, &e);
        json_decref(request);
    }
    server_close(&s);
    if (s.line.ended)
        return WT_OK;
    if (err)
        *err = e;
    return st;
}
