/* genai_config.h - genai_config.json. */
#ifndef WT_GENAI_CONFIG_H
#define WT_GENAI_CONFIG_H
#include "genai.h"

/* The file for a graph that wt_genai_lower() made of this set; a new reference. */
wt_status wt_genai_config(json_t **out, wt_weights *set, const wt_hparams *hp, const wt_graph *graph, wt_err *err);
#endif
