/* library.c - what calls itself an engine's library and is none, one kind for each value of KIND. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STRANGER 1 /* exports nothing that anybody asks for */
#define ABORTING 2 /* ends the process while it is loaded */
#define SLEEPING 3 /* never gets loaded */
#define OLD      4 /* says that it is of a version that is not supported */
#define TALKING  5 /* prints on standard output, and has no table */
#define MUTE     6 /* a version, but no table */

#if KIND == STRANGER
int something_else(void);
int something_else(void) { return 1; }
#elif KIND == ABORTING
__attribute__((constructor)) static void start(void)
{
    fputs("the library's last words\n", stderr);
    abort();
}
#elif KIND == SLEEPING
__attribute__((constructor)) static void start(void) { sleep(600); }
#else
static void *no_table(uint32_t version)
{
    (void)version;
    return NULL;
}
static const char *version(void)
{
#if KIND == TALKING
    puts("a line that nobody asked for");
    fflush(stdout);
    return "no number";
#elif KIND == OLD
    return "1.3.1";
#else
    return "1.20.0";
#endif
}
struct base {
    void *(*api)(uint32_t version);
    const char *(*version)(void);
};
const struct base *OrtGetApiBase(void);
const struct base *OrtGetApiBase(void)
{
    static const struct base b = { no_table, version };
    return &b;
}
#endif
