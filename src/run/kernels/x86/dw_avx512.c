/* dw_avx512.c - depthwise tiles of 7 and 4 columns; with two rows of a 3 wide kernel 14 accumulators and 6 weights are
 * registers. */
#include "run/kernels/x86/dw_body.h"

DW_PAIR(k3s1_7x1, 3, 1, 7, 1)
DW_PAIR(k3s1_4x1, 3, 1, 4, 1)
DW_PAIR(k3s1_7x2, 3, 1, 7, 2)
DW_PAIR(k3s1_4x2, 3, 1, 4, 2)
DW_PAIR(k3s2_7x1, 3, 2, 7, 1)
DW_PAIR(k3s2_4x1, 3, 2, 4, 1)
DW_PAIR(k3s2_7x2, 3, 2, 7, 2)
DW_PAIR(k3s2_4x2, 3, 2, 4, 2)
DW_PAIR(k5s1_7x1, 5, 1, 7, 1)
DW_PAIR(k5s1_4x1, 5, 1, 4, 1)
DW_PAIR(k5s2_7x1, 5, 2, 7, 1)
DW_PAIR(k5s2_4x1, 5, 2, 4, 1)

const wt_dw_kind wt_dw_kinds_avx512[] = {
    { 3, 1, 2, { 7, 4 }, { { DW_FN(k3s1_7x1), DW_FN(k3s1_4x1) }, { DW_FN(k3s1_7x2), DW_FN(k3s1_4x2) } } },
    { 3, 2, 2, { 7, 4 }, { { DW_FN(k3s2_7x1), DW_FN(k3s2_4x1) }, { DW_FN(k3s2_7x2), DW_FN(k3s2_4x2) } } },
    { 5, 1, 1, { 7, 4 }, { { DW_FN(k5s1_7x1), DW_FN(k5s1_4x1) } } },
    { 5, 2, 1, { 7, 4 }, { { DW_FN(k5s2_7x1), DW_FN(k5s2_4x1) } } },
    { 0, 0, 1, { 4, 4 }, { { { dw_any, dw_any }, { dw_any, dw_any } } } },
};
