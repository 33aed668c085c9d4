/* qdq.h - QuantizeLinear/DequantizeLinear nodes as properties of values, and back.
 *
 * Absorbing reads a quantized file into the IR: a pair around a value becomes value->quant, a DequantizeLinear of an
 * integer constant becomes a constant with quant (its name is that of the real numbers; the integers stay where they
 * are in the file). Lowering writes them out again. Both keep the values that consumers see, to the last bit. */
#ifndef WT_QDQ_H
#define WT_QDQ_H
#include "model/graph.h"

/* Absorbs what has float32 scales and one meaning: all uses of the value go through identical pairs. Everything else
 * stays nodes. *absorbed: DequantizeLinear nodes that went; NULL is fine. */
wt_status wt_qdq_absorb(wt_graph *graph, size_t *absorbed, wt_err *err);

typedef struct wt_qdq_options {
    bool f16_weights; /* store large float32 weights as float16 with a Cast to float32 behind */
} wt_qdq_options;
/* The other way, for a writer, on a clone. What is to be stored of a constant afterwards may differ from its data: with
 * quant set, float32 data are to be stored as quant->dtype (WT_F16: converted; else quantized). */
wt_status wt_qdq_lower(wt_graph *graph, const wt_qdq_options *options, wt_err *err);
#endif
