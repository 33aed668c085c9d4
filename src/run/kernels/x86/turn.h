/* turn.h - squares of 16 x 16 elements with rows and columns changed for each other: what the rows of turn.c are made
 * of, and turn_avx2.c runs. */
#ifndef WT_X86_TURN_H
#define WT_X86_TURN_H
#include "base/base.h"

/* Element k of row i of the source becomes element i of row k of the destination. Rows are `from` and `to` bytes apart;
 * reads and writes the squares alone. */
typedef void wt_turn_fn(const char *src, size_t from, char *dst, size_t to);
wt_turn_fn wt_turn_8_avx2, wt_turn_32_avx2;
#endif
