/* repeat.h - writes a statement once for each of n pixels, with the pixel's number pasted into names.
 *
 * Accumulators must be named variables: gcc 12 keeps arrays of vectors in memory even when every index is a constant, which
 * costs a tile 10 to 60 % of its speed. */
#ifndef WT_X86_REPEAT_H
#define WT_X86_REPEAT_H
#define WT_REPEAT_1(F) F(0)
#define WT_REPEAT_2(F) WT_REPEAT_1(F) F(1)
#define WT_REPEAT_3(F) WT_REPEAT_2(F) F(2)
#define WT_REPEAT_4(F) WT_REPEAT_3(F) F(3)
#define WT_REPEAT_5(F) WT_REPEAT_4(F) F(4)
#define WT_REPEAT_6(F) WT_REPEAT_5(F) F(5)
#define WT_REPEAT_7(F) WT_REPEAT_6(F) F(6)
#define WT_REPEAT_8(F) WT_REPEAT_7(F) F(7)
#define WT_REPEAT_9(F) WT_REPEAT_8(F) F(8)
#define WT_REPEAT_10(F) WT_REPEAT_9(F) F(9)
#define WT_REPEAT_11(F) WT_REPEAT_10(F) F(10)
#define WT_REPEAT_12(F) WT_REPEAT_11(F) F(11)
#define WT_REPEAT_13(F) WT_REPEAT_12(F) F(12)
#define WT_REPEAT_14(F) WT_REPEAT_13(F) F(13)
#endif
