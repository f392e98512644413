// A program that has nothing but what is installed: hooks.h draws in all of the library's headers.
#include <cstring>

#include <ppo_publisher/hooks.h>
#include <ppo_publisher/version.h>

int main() {
#if __cplusplus >= 202002L
  ppo::PublisherOptions options{.endpoint = "inproc://nobody", .source = "consumer"};
#else
  ppo::PublisherOptions options;
  options.endpoint = "inproc://nobody";
#endif
  options.flush_ms = 0;
  ppo::Publisher publisher(options);
  const ppo::Integration hooks(publisher);
  const bool has_version = std::strlen(PPO_PUBLISHER_VERSION) > 0 && PPO_PUBLISHER_VERSION_MAJOR >= 0;
  return has_version && publisher.publish("started", {{"ok", true}}) && publisher.error().empty() ? 0 : 1;
}
