/* iq_grids.h - the code books of IQ1, IQ2 and IQ3: points of a lattice, eight coordinates of two bits each (or four of
 * three), coordinate 0 in the lowest bits, in ascending order. Written by tools/generate-grids. */
#ifndef WT_IQ_GRIDS_H
#define WT_IQ_GRIDS_H
#include <stdint.h>
extern const uint16_t wt_iq2_xxs_grid[256], wt_iq2_xs_grid[512], wt_iq2_s_grid[1024], wt_iq1_grid[2048];
extern const uint16_t wt_iq3_xxs_grid[256], wt_iq3_s_grid[512];
#endif
