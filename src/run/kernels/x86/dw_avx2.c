/* dw_avx2.c - depthwise tiles that 16 registers hold: 4 columns x 2 rows of a 3 wide kernel, 7 columns of a 5 wide one.
 */
#include "run/kernels/x86/dw_body.h"

DW_PAIR(k3s1_4x1, 3, 1, 4, 1)
DW_PAIR(k3s1_4x2, 3, 1, 4, 2)
DW_PAIR(k3s2_4x1, 3, 2, 4, 1)
DW_PAIR(k3s2_4x2, 3, 2, 4, 2)
DW_PAIR(k5s1_7x1, 5, 1, 7, 1)
DW_PAIR(k5s1_4x1, 5, 1, 4, 1)
DW_PAIR(k5s2_7x1, 5, 2, 7, 1)
DW_PAIR(k5s2_4x1, 5, 2, 4, 1)

const wt_dw_kind wt_dw_kinds_avx2[] = {
    { 3, 1, 2, { 4, 4 }, { { DW_FN(k3s1_4x1), DW_FN(k3s1_4x1) }, { DW_FN(k3s1_4x2), DW_FN(k3s1_4x2) } } },
    { 3, 2, 2, { 4, 4 }, { { DW_FN(k3s2_4x1), DW_FN(k3s2_4x1) }, { DW_FN(k3s2_4x2), DW_FN(k3s2_4x2) } } },
    { 5, 1, 1, { 7, 4 }, { { DW_FN(k5s1_7x1), DW_FN(k5s1_4x1) } } },
    { 5, 2, 1, { 7, 4 }, { { DW_FN(k5s2_7x1), DW_FN(k5s2_4x1) } } },
    { 0, 0, 1, { 4, 4 }, { { { dw_any, dw_any }, { dw_any, dw_any } } } },
};
