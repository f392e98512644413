// What an operator writes: --set texts and addresses.

#include <cstdint>
#include <string>
#include <string_view>

#include "app/config.h"
#include "base/address.h"
#include "net/origin.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  bridge::ConfigSources sources;
  sources.settings = {input};
  (void)bridge::load_config(sources);
  (void)bridge::check_zmq_endpoint(input);
  const bridge::WebSites sites{{input}, {input}};
  (void)bridge::check_site_host(input);
  (void)bridge::check_site_origin(input);
  (void)bridge::is_own_host(input, {"127.0.0.1", 5178}, sites);
  (void)bridge::is_own_origin(input, input, {"127.0.0.1", 5178}, sites);
  return 0;
}
