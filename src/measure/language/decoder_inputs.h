/* decoder_inputs.h - inputs for a decoder's graph (model/arch/arch.h) when only speed is asked for. */
#ifndef WT_DECODER_INPUTS_H
#define WT_DECODER_INPUTS_H
#include "model/graph.h"
/* Whether the graph is one: it has caches. */
bool wt_is_decoder_graph(const wt_graph *graph);
/* The shape of one of its inputs for a pass of `tokens` tokens of one sequence, from the beginning. */
wt_shape wt_decoder_input_shape(const wt_value *input, int64_t tokens);
/* Writes what such a pass needs into a zeroed tensor of that shape. */
void wt_decoder_input_fill(const wt_graph *graph, const wt_value *input, wt_tensor *t, uint64_t seed);
#endif
