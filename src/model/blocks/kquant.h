/* kquant.h - the packed scales of K formats. */
#ifndef WT_KQUANT_H
#define WT_KQUANT_H
#include "blocks_impl.h"
/* Scale of group g (0..15) of Q3_K: -32..31. */
int wt_q3_k_scale(const uint8_t scales[12], int g);
/* Scale and minimum of group g (0..7) of Q4_K and Q5_K: 0..63 each. */
void wt_q4_k_pair(const uint8_t packed[12], int g, int *scale, int *low);
#endif
