/* program.h - which build of us is running. */
#ifndef WT_PROGRAM_H
#define WT_PROGRAM_H
#include <stddef.h>
/* The linker's build id of the program or library that this code is part of, in hexadecimal: another build has another
 * one. "" where there is none: then nobody can say what made a result. */
enum { WT_BUILD_ID = 65 };
void wt_build_id(char hex[WT_BUILD_ID]);
#endif
