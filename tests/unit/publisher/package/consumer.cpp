// A program that has nothing but what is installed: hooks.h draws in all of the library's headers.
#include <ppo_publisher/hooks.h>

int main() {
  ppo::PublisherOptions options;
  options.endpoint = "inproc://nobody";
  options.flush_ms = 0;
  ppo::Publisher publisher(options);
  const ppo::Integration hooks(publisher);
  return publisher.publish("started", {{"ok", true}}) && publisher.error().empty() ? 0 : 1;
}
