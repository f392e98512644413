#include "ppo-client/cluster_text.h"

#include <cmath>
#include <cstdio>

#include "ppo-client/json_text.h"
#include "ppo-client/number.h"
#include "ppo-client/table.h"

namespace client {
namespace {

using rapidjson::Value;

// A text or a number as it is shown; "-" where there is none.
std::string shown(const Value& object, const char* key) {
  const Value* const found = find(object, key);
  if (found == nullptr || found->IsNull()) return "-";
  if (found->IsBool()) return found->GetBool() ? "yes" : "no";
  return found->IsNumber() ? number(*found) : string_of(found);
}

std::string span_of(const Value& object, const char* key) {
  const Value* const ms = find(object, key);
  if (ms == nullptr || !ms->IsNumber()) return "-";
  char text[48];
  const bool long_one = std::fabs(ms->GetDouble()) >= 1000;
  std::snprintf(text, sizeof text, long_one ? "%.1f s" : "%.1f ms", ms->GetDouble() / (long_one ? 1000 : 1));
  return text;
}

Colour colour_of_node(const std::string& state) {
  return state == "live" ? Colour::kGreen : state == "stalled" ? Colour::kYellow : Colour::kRed;
}

std::string stalls_text(const Value& cluster) {
  const Value* const stalls = find(cluster, "stalls");
  if (stalls == nullptr || !stalls->IsObject()) return "-";
  const std::string count = shown(*stalls, "count");
  const std::string now = span_of(*stalls, "now_ms");
  std::string text = count == "0" ? "none" : count + ", the longest " + span_of(*stalls, "longest_ms");
  if (now != "-") text += "; the log has stood still for " + now;
  return text;
}

std::string nodes_text(const Value& nodes, const Style& style) {
  Table table({"node", "state", "heard", "seq", "lag", "agrees", "clock", "sources"});
  for (const Value& node : nodes.GetArray()) {
    const bool here = shown(node, "here") == "yes";
    const std::string state = shown(node, "state");
    const std::string agrees = shown(node, "agrees");
    table.add({{shown(node, "node") + (here ? " (asked)" : "")},
               {state, false, colour_of_node(state)},
               {here ? "-" : span_of(node, "heard_ms"), true},
               {shown(node, "seq"), true},
               {shown(node, "lag"), true},
               {agrees, false, agrees == "no" ? Colour::kRed : Colour::kPlain},
               {here ? "-" : span_of(node, "clock_ahead_ms"), true},
               {shown(node, "sources"), true}});
  }
  return table.render(style);
}

}  // namespace

std::string cluster_text(std::string_view cluster, const Style& style) {
  const auto document = parse(cluster);
  if (!document || !document->IsObject()) return {};
  const Value& told = *document;
  std::string out = Line().add("cluster " + shown(told, "name"), Colour::kBold).add(", as " + shown(told, "node") + " knows it").render(style) + "\n";
  const auto line = [&](const char* what, const std::string& text, Colour colour = Colour::kPlain) {
    out += Line().column(what, 8, Colour::kDim).add("  ").add(text, colour).render(style) + "\n";
  };
  const std::string problem = shown(told, "problem");
  if (problem != "-") line("problem", problem, Colour::kRed);
  line("leader", shown(told, "leader") == "-" ? "not known" : shown(told, "leader"));
  line("stalls", stalls_text(told));
  line("at", "event " + shown(told, "seq") + ", " + shown(told, "behind") + " messages behind the shared log");
  if (const Value* const warnings = find(told, "warnings"); warnings != nullptr && warnings->IsArray()) {
    for (const Value& warning : warnings->GetArray()) line("warning", string_of(&warning), Colour::kYellow);
  }
  const Value* const nodes = find(told, "nodes");
  if (nodes != nullptr && nodes->IsArray()) out += "\n" + nodes_text(*nodes, style);
  return out;
}

}  // namespace client
