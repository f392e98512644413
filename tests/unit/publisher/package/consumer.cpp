// A program that has nothing but the installed package.
#include <ppo_publisher/events.h>
#include <ppo_publisher/hooks.h>
#include <ppo_publisher/publisher.h>

int main() {
  ppo::PublisherOptions options;
  options.endpoint = "inproc://nobody";
  options.flush_ms = 0;
  ppo::Publisher publisher(options);
  const ppo::Integration hooks(publisher);
  return publisher.publish(ppo::SystemStatus{"started", ""}) && publisher.error().empty() ? 0 : 1;
}
