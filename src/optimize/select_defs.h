/* select_defs.h - the rows of select.def switched off, so that a file that includes it names only those it wants:
 *   #include "optimize/select_defs.h"
 *   #undef FACT
 *   #define FACT(id, name, title) ...
 *   #include "optimize/select.def"
 * No include guard: every use starts from nothing. */
#undef GUIDE
#undef OWN
#undef FRAMEWORK
#undef FACT
#undef SIGN
#undef ROUTE
#undef BARRED
#undef ONLY
#undef PRIOR
#define FRAMEWORK(id, name, engine, table)
#define FACT(id, name, title)
#define SIGN(fact, key, word)
#define ROUTE(framework, format, how)
#define BARRED(framework, fact, reason, source)
#define ONLY(framework, fact, reason, source)
#define PRIOR(fact, also, framework, points, reason, source)
