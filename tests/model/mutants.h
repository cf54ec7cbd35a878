/* SPDX-License-Identifier: Apache-2.0 */
/* Ways of getting the protocol wrong, one a number; README.md tells what each breaks. 0: none. */
#define NO_LAST_LOOK (MUTANT == 1)
#define LATE_INTENT (MUTANT == 2)
#define RECOVERY_WAKES_NOBODY (MUTANT == 3)
#define REQUEUE_WITHOUT_COMPARING (MUTANT == 4)
#define NO_REPAIR (MUTANT == 5)
#define NO_WAKE_AGAIN (MUTANT == 6)
#define RECOVERY_RINGS_NOT (MUTANT == 7)
#define NO_HANDING_ON (MUTANT == 8)
#define PUBLISH_WITHOUT_COMPARING (MUTANT == 9)
#define RECOVERY_FORGETS_ROOM (MUTANT == 10)
#define WAKER_NEVER_LOOKS_AGAIN (MUTANT == 11)
