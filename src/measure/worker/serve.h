/* serve.h - what the files of the side that is asked share. */
#ifndef WT_WORKER_SERVE_H
#define WT_WORKER_SERVE_H
#include "base/json.h"
#include "measure/worker/speaker.h"
#include "measure/worker/tensors.h"
#include "run/engines/engine.h"

enum { WT_MOST_RUNS = 1 << 20 };

typedef struct wt_server {
    wt_channel line; /* its context is the caller's */
    wt_context *ctx; /* of the model; NULL before hello */
    wt_engine_model *model;
    struct wt_opening *opening; /* its options */
    wt_speaker speaker;         /* instead of a model */
    wt_inputs *samples;
    size_t n_samples, next;
    double *ms; /* room for the times of one request */
    uint8_t *interrupted;
    size_t n_logits; /* of the last feed */
    size_t n_times, ms_cap, interrupted_cap;
} wt_server;

/* Reading requests: numbers are held within their bounds. */
double wt_request_number(const json_t *request, const char *key, double fallback);
int64_t wt_request_whole(const json_t *request, const char *key, int64_t least, int64_t most);
const char *wt_request_text(const json_t *request, const char *key); /* "" when absent */
enum { WT_MOST_TEXTS = 1024 };
size_t wt_request_texts(const json_t *request, const char *key, const char *out[WT_MOST_TEXTS]);
wt_status wt_no_answer(wt_err *err); /* there is no memory for one */

/* What can be asked of engines (serve_engine.c). */
typedef wt_status wt_serve_fn(wt_server *s, json_t *request, json_t *answer, wt_err *err);
wt_serve_fn wt_serve_probe, wt_serve_open, wt_serve_open_language, wt_serve_rewind, wt_serve_feed, wt_serve_infer,
    wt_serve_nodes;
wt_status wt_serve_run_once(wt_server *s, wt_err *err);
void wt_serve_forget_opening(wt_server *s);
/* Behind the answer to infer. */
wt_status wt_serve_send_outputs(wt_server *s, wt_err *err);
/* Behind the answer to feed. */
wt_status wt_serve_send_logits(wt_server *s, wt_err *err);
#endif
