// The smallest publisher: one event, delivered if a bridge is there, and no waiting if none is.
#include <ppo_publisher/publisher.h>

int main() {
  ppo::Publisher publisher;
  publisher.publish("greeting", {{"message", "hello, bridge"}});
}
