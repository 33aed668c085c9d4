/* commands.h - one row per verb, each defined in its own cmd_*.c. */
#ifndef WHET_COMMANDS_H
#define WHET_COMMANDS_H
#include "cli.h"
#define VERB(name) extern const cli_verb cmd_##name;
#include "commands.def"
#undef VERB
#endif
