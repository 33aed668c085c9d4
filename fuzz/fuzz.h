/* fuzz.h - the entry of a fuzz target: bytes in, no crash, no leak, 0 out. */
#ifndef WT_FUZZ_H
#define WT_FUZZ_H
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#endif
