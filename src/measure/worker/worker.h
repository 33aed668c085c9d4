/* worker.h - a process of its own for what must not hurt us, or is to be measured alone.
 *
 * The program runs itself with its hidden verb; the two talk in frames over a socket. One request is answered before
 * the next is sent, so of several workers only the one that was asked computes: the others wait in poll with their
 * pools parked. A worker that crashes, hangs or answers nonsense is a result with a reason, never our own end.
 *
 *   {"do":"hello","threads","cpu","memory_limit","seed"}        -> {"ok":true,"rss_bytes"}
 *   {"do":"probe","engine","library"}                            -> {"ok":true,"version","devices":[],"warning"}
 *   {"do":"open","model","engine","variant","threads","input_shapes":[],"passes_off":[],"taps":[],"placement","batch",
 *    "infers","samples":[..],"names":[..]} + frames of the samples, whose inputs have those names
 *        -> {"ok":true,"version","settings","inputs":[],"outputs":[],"open_ms","plan_ms","first_run_ms"}
 *           (without samples: random inputs; with "infers": none, nothing is run)
 *   {"do":"infer","samples":[one]} + its frames                  -> {"ok":true,"ms","settings","samples":[one]} + its
 * frames
 *   {"do":"nodes"}                                               -> {"ok":true,"nodes":[{name,op,device,kernel,ms}]}
 *   {"do":"run","seconds","min_runs","max_runs","drop"}          -> {"ok":true,"runs","cpu_s","wall_s"} + a frame of
 * doubles: ms of each, and one of bytes: whether somebody else took a core away meanwhile
 *   {"do":"open-language","model","engine","variant","threads","context"} (instead of open)
 *        -> {"ok":true,"version","settings","vocab","load_ms"}
 *   {"do":"speak","prompt","gen"}                                -> {"ok":true,"prefill_s","decode_s"}
 *   {"do":"rewind","keep"}                                       -> {"ok":true}
 *   {"do":"feed","tokens":[],"wanted"}                           -> {"ok":true} + a frame of logits for each from
 * wanted on
 *   {"do":"memory"} ->
 * {"ok":true,"rss_bytes","peak_rss_bytes","peak_heap_bytes","weights_bytes","mapped_bytes","activation_bytes"} any of
 * them     -> {"ok":false,"code","message","hint","where","offset"}; then the worker ends */
#ifndef WT_WORKER_H
#define WT_WORKER_H
#include "measure/worker/tensors.h"

typedef struct wt_worker wt_worker;
/* program NULL: this one. Says hello; *empty_rss (may be NULL) is what a worker takes that has done nothing yet. */
wt_status wt_worker_open(wt_worker **out, wt_context *ctx, const char *program, int threads, uint64_t *empty_rss,
                         wt_err *err);
/* Sends (request is taken) and waits. A refusal of the worker comes as its own status. WT_ELIMIT: it did not answer
 * within timeout_s; WT_EINTERNAL: it crashed; WT_ENOMEM: the system killed it. After any failure the worker is gone. */
wt_status wt_worker_ask(wt_worker *w, json_t *request, double timeout_s, json_t **answer, wt_err *err);
/* As wt_worker_ask, with the bytes of samples behind the request. */
wt_status wt_worker_ask_with(wt_worker *w, json_t *request, const wt_inputs *samples, size_t n, double timeout_s,
                             json_t **answer, wt_err *err);
/* The frame behind an answer. */
wt_status wt_worker_bytes(wt_worker *w, void *bytes, size_t len, double timeout_s, wt_err *err);
/* Tensors behind an answer, as `list` describes them. */
wt_status wt_worker_samples(wt_worker *w, const json_t *list, double timeout_s, wt_inputs **out, size_t *n,
                            wt_err *err);
void wt_worker_close(wt_worker *w); /* NULL is fine */
#endif
