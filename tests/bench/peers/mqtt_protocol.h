// As much of MQTT 3.1.1 (OASIS, 2014) as a publisher and a subscriber at QoS 0 need.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "../frame_checker.h"

namespace bench {

// A clean session that need not be kept alive. The server answers with kMqttConnected.
std::string mqtt_connect(std::string_view client_id);
constexpr std::string_view kMqttConnected{"\x20\x02\x00\x00", 4};

// The server answers with kMqttSubscribed.
std::string mqtt_subscribe(std::string_view topic);
constexpr std::string_view kMqttSubscribed{"\x90\x03\x00\x01\x00", 5};

void append_mqtt_publish(std::string& out, std::string_view topic, std::string_view body);

// What a server sends: PUBLISH carries an event, the rest is let go.
class MqttStream : public StreamSyntax {
 public:
  Message front(std::string_view stream) const override;
};

}  // namespace bench
