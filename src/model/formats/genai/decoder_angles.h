/* decoder_angles.h - tables of cos and sin as what they were made from. */
#ifndef WT_GENAI_DECODER_ANGLES_H
#define WT_GENAI_DECODER_ANGLES_H
#include "model/tensor.h"

/* Row p of [rows, half] tables holds scale * cos(p f) and scale * sin(p f): finds the frequencies (radians per
 * position, [half]) and the scale; false when they hold something else. */
bool wt_angles_find(const wt_tensor *cosine, const wt_tensor *sine, float *frequency, float *scale);
#endif
