/* int8.h - shared by the two halves of the int8 pass: the walk (int8.c) and the rewriting of single nodes
 * (int8_nodes.c). */
#ifndef WT_INT8_H
#define WT_INT8_H
#include "run/passes/pass.h"

typedef struct wt_int8 {
    wt_pass_ctx *pc;
    wt_graph *graph;
    wt_value **codes; /* by value id: the integers of a quantized value, once made */
    wt_value **reals; /* by value id: what its float consumers see */
    size_t n;
} wt_int8;

/* An 8-bit, per-tensor quantized activation. */
bool wt_int8_activation(const wt_value *v);
/* The integers of a quantized activation; made by a QuantizeLinear behind its producer if nobody made them yet. */
wt_status wt_int8_codes(wt_int8 *p, wt_value *v, wt_node *before, wt_value **out, wt_err *err);
/* Turns n into its integer form if it has one; *done says so. Inputs and output still are the float values. */
wt_status wt_int8_lower(wt_int8 *p, wt_node *n, bool *done, wt_err *err);
/* n begins (or is inside) a chain of functions whose end becomes a table: it is left alone and goes when the end is
 * reached. */
bool wt_int8_starts_chain(const wt_pass_ctx *pc, wt_node *n);
/* n makes the codes of its (quantized) result from now on. */
wt_status wt_int8_output(wt_int8 *p, wt_node *n, const wt_quant *quant, wt_err *err);
bool wt_int8_same(const wt_quant *a, const wt_quant *b);
#endif
