// What a shared build of the library shows of itself; a static one shows nothing to others than who links it.
#pragma once

#ifdef PPO_PUBLISHER_SHARED
#define PPO_PUBLISHER_API __attribute__((visibility("default")))
#else
#define PPO_PUBLISHER_API
#endif
