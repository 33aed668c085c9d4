/* phi.c - Phi 3 and 4: llama with q, k, v in one matrix, gate and value in one, and frequencies for long contexts. */
#include "model/arch/build.h"
const wt_arch wt_arch_phi3 = { .name = "phi3", .build = wt_b_decoder };
