/* band.h - copies of input rows, padded, sorted by phase and converted as tiles want them. */
#ifndef WT_X86_BAND_H
#define WT_X86_BAND_H
#include "run/kernels/x86/tiled.h"
/* From C16: the same, bytes with the sign bit flipped, bytes widened to 16 bits. */
wt_band_fn wt_band_f32, wt_band_u8, wt_band_s16;
/* From planar channels: one float, 4 bytes, 4 bytes widened, for each pixel. */
wt_band_fn wt_band_planar_f32, wt_band_planar_u8, wt_band_planar_s16;
/* From rows of a matrix (a line is a row, src_row its bytes, src_channels its length): pixels of 16 with zero behind
 * the end. */
wt_band_fn wt_band_matrix_f32, wt_band_matrix_u8, wt_band_matrix_s16;
#endif
