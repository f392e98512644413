#include "market/items/item.h"

namespace market {

const std::vector<ItemFacts>& builtin_items() {
  // id, name, buy limit, high, low, bought an hour, sold an hour
  static const std::vector<ItemFacts> items = {
      {4151, "Abyssal whip", 70, 1670794, 1626231, 256, 335},
      {536, "Dragon bones", 7500, 1500, 1471, 88243, 61520},
      {561, "Nature rune", 18000, 89, 88, 1504156, 483720},
      {2, "Steel cannonball", 11000, 220, 222, 1451548, 333665},
      {12934, "Zulrah's scales", 30000, 234, 228, 1887351, 821290},
      {20997, "Twisted bow", 8, 1538895450, 1538868985, 12, 7},
      {11832, "Bandos chestplate", 8, 24586508, 24033726, 50, 45},
      {11802, "Armadyl godsword", 8, 9583215, 9353911, 82, 57},
      {385, "Shark", 10000, 693, 675, 150477, 62879},
      {13441, "Anglerfish", 10000, 1896, 1846, 41823, 30539},
      {565, "Blood rune", 25000, 212, 205, 2280707, 789183},
      {1515, "Yew logs", 12000, 147, 141, 256789, 86521},
      {453, "Coal", 13000, 199, 195, 676941, 609986},
      {451, "Runite ore", 4500, 9945, 9720, 37538, 68021},
      {447, "Mithril ore", 13000, 95, 89, 39582, 63045},
      {1127, "Rune platebody", 70, 38378, 38700, 2543, 6211},
      {1333, "Rune scimitar", 70, 15002, 14620, 1781, 2000},
      {11978, "Amulet of glory(6)", 10000, 13695, 13215, 6645, 2923},
      {13652, "Dragon claws", 8, 53800000, 52411397, 41, 36},
      {2434, "Prayer potion(4)", 2000, 8057, 7905, 85986, 27470},
      {257, "Ranarr weed", 11000, 5200, 5066, 2291, 17613},
      {5295, "Ranarr seed", 200, 16002, 15840, 5388, 3307},
      {314, "Feather", 30000, 2, 2, 1542528, 1211174},
      {1617, "Uncut diamond", 10000, 2409, 2346, 44272, 54552},
      {6573, "Onyx", 11000, 1777828, 1674000, 15, 4},
      {7946, "Monkfish", 13000, 669, 658, 15867, 17244},
  };
  return items;
}

}  // namespace market
