/* serve.c - the side that is asked (worker.h has the messages). It serves one model in a context of its own, so that
 * what that context counted is what the model took. After the first failure it says why and ends. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>
#include <time.h>
#include "base/clock.h"
#include "base/json.h"
#include "measure/open.h"
#include "measure/worker/speaker.h"
#include "measure/worker/tensors.h"

enum { MOST_RUNS = 1 << 20, MOST_TEXTS = 256 };

typedef struct server {
    wt_channel line; /* its context is the caller's */
    wt_context *ctx; /* of the model; NULL before hello */
    wt_opened model;
    wt_speaker speaker; /* instead of a model */
    wt_inputs *samples;
    size_t n_samples, next;
    double *ms; /* room for the times of one request */
    uint8_t *interrupted;
    size_t ms_cap, interrupted_cap;
} server;

/* --- reading requests
 * --------------------------------------------------------------------------------------------------- */
static double number(const json_t *request, const char *key, double fallback)
{
    const json_t *v = json_object_get(request, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

static int64_t whole(const json_t *request, const char *key, int64_t least, int64_t most)
{
    const json_t *v = json_object_get(request, key);
    const int64_t n = json_is_integer(v) ? json_integer_value(v) : least;
    return n < least ? least : n > most ? most : n;
}

static size_t texts(const json_t *request, const char *key, const char *out[MOST_TEXTS])
{
    const json_t *list = json_object_get(request, key);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < MOST_TEXTS; i++)
        if (json_is_string(json_array_get(list, i)))
            out[n++] = json_string_value(json_array_get(list, i));
    return n;
}

static wt_status out_of_memory(wt_err *err) { return wt_fail(err, WT_ENOMEM, "no memory for an answer"); }

/* --- what can be asked
 * ---------------------------------------------------------------------------------------------------- */
static wt_status do_hello(server *s, const json_t *request, json_t *answer, wt_err *err)
{
    wt_context_options o = wt_context_defaults();
    if (s->ctx)
        return wt_fail(err, WT_EUSAGE, "hello was said already");
    o.threads = (int)whole(request, "threads", 0, 1024);
    o.cpu_mask = (uint32_t)whole(request, "cpu", 0, UINT32_MAX);
    o.memory_limit = (uint64_t)whole(request, "memory_limit", 0, INT64_MAX);
    o.seed = (uint64_t)whole(request, "seed", INT64_MIN, INT64_MAX);
    WT_TRY(wt_context_open(&s->ctx, &o, err));
    return json_object_set_new(answer, "rss_bytes", json_integer((json_int_t)wt_peak_rss())) ? out_of_memory(err)
                                                                                             : WT_OK;
}

static wt_status take_inputs(server *s, const json_t *request, wt_err *err)
{
    const json_t *list = json_object_get(request, "samples");
    if (list)
        WT_TRY(wt_samples_receive(&s->line, s->ctx, list, &s->samples, &s->n_samples, err));
    if (s->n_samples) {
        if (s->samples[0].n != s->model.graph->n_inputs)
            return wt_fail(err, WT_EUSAGE, "samples of %zu tensors came, the model takes %zu", s->samples[0].n,
                           s->model.graph->n_inputs);
        return WT_OK;
    }
    wt_free(s->ctx, s->samples);
    s->samples = wt_alloc(s->ctx, 1, sizeof *s->samples, err);
    if (!s->samples)
        return WT_ENOMEM;
    s->n_samples = 1;
    return wt_inputs_random(&s->samples[0], s->model.graph, (int)whole(request, "batch", 0, INT32_MAX),
                            wt_context_seed(s->ctx), err);
}

static wt_status run_once(server *s, wt_err *err)
{
    wt_inputs *in = &s->samples[s->next];
    s->next = s->next + 1 < s->n_samples ? s->next + 1 : 0;
    return wt_session_run(s->model.session, in->tensors, in->n, err);
}

static wt_status open_timed(server *s, const json_t *request, const char *path, double ms[3], wt_err *err)
{
    const char *shapes[MOST_TEXTS], *off[MOST_TEXTS];
    wt_exec_options o = wt_exec_defaults();
    o.threads = (int)whole(request, "threads", 0, 1024);
    o.input_shapes = shapes;
    o.n_input_shapes = texts(request, "input_shapes", shapes);
    o.passes_off = off;
    o.n_passes_off = texts(request, "passes_off", off);
    s->model.ctx = s->ctx;
    uint64_t start = wt_now_ns();
    WT_TRY(wt_open_graph(&s->model.graph, s->ctx, path, &o, err));
    ms[0] = wt_ms_since(start);
    WT_TRY(take_inputs(s, request, err));
    start = wt_now_ns();
    WT_TRY(wt_open_plan(&s->model, &o, NULL, 0, err));
    WT_TRY(wt_session_prepare(s->model.session, s->samples[0].tensors, s->samples[0].n, err));
    ms[1] = wt_ms_since(start);
    start = wt_now_ns();
    WT_TRY(run_once(s, err));
    ms[2] = wt_ms_since(start);
    return WT_OK;
}

static wt_status do_open(server *s, const json_t *request, json_t *answer, wt_err *err)
{
    char *path;
    double ms[3] = { 0 };
    if (!s->ctx || s->model.graph)
        return wt_fail(err, WT_EUSAGE, "open comes once, behind hello");
    WT_TRY(wt_message_path_of(s->ctx, json_object_get(request, "model"), &path, err));
    const wt_status st = open_timed(s, request, path, ms, err);
    if (st != WT_OK)
        wt_err_file(err, path);
    wt_free(s->ctx, path);
    if (st != WT_OK)
        return st;
    return json_object_set_new(answer, "open_ms", json_real(ms[0])) ||
                   json_object_set_new(answer, "plan_ms", json_real(ms[1])) ||
                   json_object_set_new(answer, "first_run_ms", json_real(ms[2]))
               ? out_of_memory(err)
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

static wt_status timed_runs(server *s, double seconds, size_t least, size_t most, size_t *n, wt_err *err)
{
    const uint64_t begin = wt_now_ns(), length = (uint64_t)(seconds * 1e9);
    for (*n = 0; *n < most && (*n < least || wt_now_ns() - begin < length);) {
        const long before = taken_away();
        const uint64_t start = wt_now_ns();
        WT_TRY(run_once(s, err));
        s->ms[*n] = wt_ms_since(start);
        s->interrupted[(*n)++] = taken_away() != before;
    }
    return WT_OK;
}

static wt_status do_run(server *s, const json_t *request, json_t *answer, wt_err *err)
{
    const double seconds = number(request, "seconds", 0);
    const size_t least = (size_t)whole(request, "min_runs", 1, MOST_RUNS),
                 most = (size_t)whole(request, "max_runs", 1, MOST_RUNS);
    const size_t drop = (size_t)whole(request, "drop", 0, MOST_RUNS);
    size_t n = 0;
    if (!s->model.session)
        return wt_fail(err, WT_EUSAGE, "run comes behind open");
    if (!(seconds >= 0 && seconds <= 86400) || least > most)
        return wt_fail(err, WT_EUSAGE, "run asks for what cannot be");
    /* Of the caller's context: the model's counts what the model takes. */
    WT_TRY(wt_grow(s->line.ctx, (void **)&s->ms, &s->ms_cap, most, sizeof *s->ms, err));
    WT_TRY(wt_grow(s->line.ctx, (void **)&s->interrupted, &s->interrupted_cap, most, 1, err));
    for (size_t i = 0; i < drop; i++)
        WT_TRY(run_once(s, err));
    const double cpu = cpu_seconds();
    const uint64_t start = wt_now_ns();
    WT_TRY(timed_runs(s, seconds, least, most, &n, err));
    const double wall_s = wt_ms_since(start) * 1e-3, cpu_s = cpu_seconds() - cpu;
    return json_object_set_new(answer, "runs", json_integer((json_int_t)n)) ||
                   json_object_set_new(answer, "cpu_s", json_real(cpu_s)) ||
                   json_object_set_new(answer, "wall_s", json_real(wall_s))
               ? out_of_memory(err)
               : WT_OK;
}

static wt_status do_open_language(server *s, const json_t *request, json_t *answer, wt_err *err)
{
    char *path;
    if (!s->ctx || s->model.graph || s->speaker.language)
        return wt_fail(err, WT_EUSAGE, "open-language comes once, behind hello");
    WT_TRY(wt_message_path_of(s->ctx, json_object_get(request, "model"), &path, err));
    const uint64_t start = wt_now_ns();
    const wt_status st = wt_speaker_open(&s->speaker, s->ctx, path, (int)whole(request, "threads", 0, 1024),
                                         whole(request, "context", 2, INT32_MAX), err);
    if (st != WT_OK)
        wt_err_file(err, path);
    wt_free(s->ctx, path);
    if (st != WT_OK)
        return st;
    return json_object_set_new(answer, "load_ms", json_real(wt_ms_since(start))) ? out_of_memory(err) : WT_OK;
}

static wt_status do_speak(server *s, const json_t *request, json_t *answer, wt_err *err)
{
    double prefill_s, decode_s;
    if (!s->speaker.decoder)
        return wt_fail(err, WT_EUSAGE, "speak comes behind open-language");
    WT_TRY(wt_speaker_run(&s->speaker, whole(request, "prompt", 1, INT32_MAX), whole(request, "gen", 0, INT32_MAX),
                          wt_context_seed(s->ctx), &prefill_s, &decode_s, err));
    return json_object_set_new(answer, "prefill_s", json_real(prefill_s)) ||
                   json_object_set_new(answer, "decode_s", json_real(decode_s))
               ? out_of_memory(err)
               : WT_OK;
}

/* What the model takes: of a language model the caches are among what runs need. */
static bool memory_use(const server *s, wt_plan_memory *m)
{
    if (s->speaker.decoder) {
        const wt_decoder_memory d = wt_decoder_memory_use(s->speaker.decoder);
        *m = (wt_plan_memory){ .weights_bytes = d.weights_bytes, .activation_bytes = d.kv_bytes + d.scratch_bytes };
    } else if (s->model.plan) {
        *m = wt_plan_memory_use(s->model.plan);
    }
    return s->speaker.decoder || s->model.plan;
}

static wt_status do_memory(server *s, const json_t *request, json_t *answer, wt_err *err)
{
    (void)request;
    wt_plan_memory m;
    if (!memory_use(s, &m))
        return wt_fail(err, WT_EUSAGE, "memory comes behind open");
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        { "rss_bytes", wt_current_rss() },
        { "peak_rss_bytes", wt_peak_rss() },
        { "peak_heap_bytes", wt_context_memory_peak(s->ctx) },
        { "weights_bytes", m.weights_bytes },
        { "mapped_bytes", m.mapped_bytes },
        { "activation_bytes", m.activation_bytes },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (json_object_set_new(answer, rows[i].key, json_integer((json_int_t)rows[i].value)))
            return out_of_memory(err);
    return WT_OK;
}

static const struct {
    const char *name;
    wt_status (*fn)(server *s, const json_t *request, json_t *answer, wt_err *err);
    bool times; /* s->ms and s->interrupted follow the answer */
} requests[] = {
    { "hello", do_hello, false }, { "open", do_open, false },
    { "run", do_run, true },      { "open-language", do_open_language, false },
    { "speak", do_speak, false }, { "memory", do_memory, false },
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

static wt_status answer_one(server *s, const json_t *request, wt_err *err)
{
    const char *name = json_string_value(json_object_get(request, "do"));
    wt_err why = { .offset = WT_NO_OFFSET };
    json_t *answer = json_pack("{s:b}", "ok", 1);
    size_t i = 0;
    while (i < WT_ARRAY_LEN(requests) && (!name || strcmp(requests[i].name, name) != 0))
        i++;
    const bool known = i < WT_ARRAY_LEN(requests);
    const wt_status st = !answer ? out_of_memory(&why)
                         : known ? requests[i].fn(s, request, answer, &why)
                                 : wt_fail(&why, WT_EUSAGE, "the worker does not know this request");
    if (st != WT_OK) {
        json_decref(answer);
        answer = refusal(st, &why);
    }
    wt_status sent = answer ? wt_channel_send(&s->line, answer, err) : out_of_memory(err);
    if (sent == WT_OK && st == WT_OK && requests[i].times) {
        const size_t runs = (size_t)json_integer_value(json_object_get(answer, "runs"));
        sent = wt_channel_send_bytes(&s->line, s->ms, runs * sizeof *s->ms, err);
        if (sent == WT_OK)
            sent = wt_channel_send_bytes(&s->line, s->interrupted, runs, err);
    }
    json_decref(answer);
    if (st != WT_OK && err)
        *err = why;
    return st != WT_OK ? st : sent;
}

static void server_close(server *s)
{
    wt_opened_close(&s->model);
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
    server s = { .line = { .ctx = ctx, .in = in_fd, .out = out_fd } };
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
