#include "ppo-client/alerts_text.h"

#include "ppo-client/json_text.h"
#include "ppo-client/number.h"
#include "ppo-client/table.h"

namespace client {
namespace {

using rapidjson::Value;

std::string outcome_of(const Value& alert) {
  const Value* const last = find(alert, "last_action");
  if (last == nullptr || !last->IsObject()) return cell_of(find(alert, "action"));
  return string_of(find(*last, "action")) + ": " + string_of(find(*last, "outcome"));
}

std::string subject_of(const Value& raised) {
  const std::string source = string_of(find(raised, "source")), run = string_of(find(raised, "run"));
  const std::string agent = string_of(find(raised, "agent_id"));
  return source + (run.empty() ? "" : "@" + run) + (agent.empty() ? "" : "/" + agent);
}

std::string tables(const Value& alerts, const Style& style) {
  Table table({"ID", "NAME", "RULE", "RAISED", "TIMES", "NEW", "ACTION"});
  Table raised({"ID", "RAISED BY", "SINCE", "VALUE", "SEQ"});
  bool any = false;
  for (const Value& alert : alerts.GetArray()) {
    const Value* const now = find(alert, "raised");
    const rapidjson::SizeType count = now != nullptr && now->IsArray() ? now->Size() : 0;
    table.add({{cell_of(find(alert, "alert_id")), true},
               {cell_of(find(alert, "name"))},
               {string_of(find(alert, "rule"))},
               {std::to_string(count), true, count != 0 ? Colour::kRed : Colour::kPlain},
               {cell_of(find(alert, "times")), true},
               {cell_of(find(alert, "unacknowledged")), true},
               {outcome_of(alert)}});
    for (rapidjson::SizeType i = 0; i < count; ++i) {
      const Value& one = (*now)[i];
      any = true;
      raised.add({{cell_of(find(alert, "alert_id")), true},
                  {subject_of(one)},
                  {time_cell_of(find(one, "since"))},
                  {cell_of(find(one, "value"))},
                  {cell_of(find(one, "seq")), true}});
    }
  }
  return table.render(style) + (any ? "\n" + raised.render(style) : "");
}

}  // namespace

std::string alerts_text(std::string_view result, const Style& style) {
  const auto document = parse(result);
  if (!document || !document->IsObject()) return compact(result) + "\n";
  if (const Value* const alerts = find(*document, "alerts"); alerts != nullptr && alerts->IsArray()) {
    return tables(*alerts, style);
  }
  const auto is = [&document](const char* name, bool what) {
    const Value* const value = find(*document, name);
    return value != nullptr && value->IsBool() && value->GetBool() == what;
  };
  std::string text;
  if (const Value* const id = find(*document, "alert_id")) {
    text = "alert " + printable(cell_of(id)) + (is("created", true) ? " is made" : " is there already");
  } else if (const Value* const acknowledged = find(*document, "acknowledged")) {
    text = "acknowledged: " + printable(cell_of(acknowledged));
  } else {
    text = is("deleted", true) ? "deleted" : compact(result);
  }
  if (is("survives_restart", false)) text += "; without a journal, only until the bridge ends";
  return text + "\n";
}

}  // namespace client
