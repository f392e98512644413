#include "ppo-client/cluster_text.h"

#include <cmath>
#include <cstdio>

#include "ppo-client/json_text.h"
#include "ppo-client/number.h"
#include "ppo-client/table.h"

namespace client {
namespace {

using rapidjson::Value;

std::string field_text(const Value& object, const char* key) {
  const Value* const found = find(object, key);
  if (found != nullptr && found->IsBool()) return found->GetBool() ? "yes" : "no";
  return cell_of(found);
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
  const std::string count = field_text(*stalls, "count");
  const std::string now = span_of(*stalls, "now_ms");
  std::string text = count == "0" ? "none" : count + ", the longest " + span_of(*stalls, "longest_ms");
  if (now != "-") text += "; the log has stood still for " + now;
  return text;
}

std::string nodes_text(const Value& nodes, const Style& style) {
  Table table({"node", "state", "heard", "seq", "lag", "agrees", "clock", "sources"});
  for (const Value& node : nodes.GetArray()) {
    const bool here = field_text(node, "here") == "yes";
    const std::string state = field_text(node, "state");
    const std::string agrees = field_text(node, "agrees");
    table.add({{field_text(node, "node") + (here ? " (asked)" : "")},
               {state, false, colour_of_node(state)},
               {here ? "-" : span_of(node, "heard_ms"), true},
               {field_text(node, "seq"), true},
               {field_text(node, "lag"), true},
               {agrees, false, agrees == "no" ? Colour::kRed : Colour::kPlain},
               {here ? "-" : span_of(node, "clock_ahead_ms"), true},
               {field_text(node, "sources"), true}});
  }
  return table.render(style);
}

}  // namespace

std::string cluster_text(std::string_view cluster, const Style& style) {
  const auto document = parse(cluster);
  if (!document || !document->IsObject()) return {};
  const Value& told = *document;
  std::string out = Line().add("cluster " + field_text(told, "name"), Colour::kBold).add(", as " + field_text(told, "node") + " knows it").render(style) + "\n";
  const auto line = [&](const char* what, const std::string& text, Colour colour = Colour::kPlain) {
    out += Line().column(what, 8, Colour::kDim).add("  ").add(text, colour).render(style) + "\n";
  };
  const std::string problem = field_text(told, "problem");
  if (problem != "-") line("problem", problem, Colour::kRed);
  line("leader", field_text(told, "leader") == "-" ? "not known" : field_text(told, "leader"));
  line("stalls", stalls_text(told));
  line("at", "event " + field_text(told, "seq") + ", " + field_text(told, "behind") + " messages behind the shared log");
  if (const Value* const warnings = find(told, "warnings"); warnings != nullptr && warnings->IsArray()) {
    for (const Value& warning : warnings->GetArray()) line("warning", string_of(&warning), Colour::kYellow);
  }
  const Value* const nodes = find(told, "nodes");
  if (nodes != nullptr && nodes->IsArray()) out += "\n" + nodes_text(*nodes, style);
  return out;
}

}  // namespace client
