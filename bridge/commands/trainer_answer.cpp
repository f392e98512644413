#include "commands/trainer_answer.h"

#include <string>

#include "event/json_value.h"

namespace bridge {
namespace {

// The error that a trainer gave; its own words where it gave none that we know.
RequestError trainer_error(const rapidjson::Value& reply) {
  RequestError error{ErrorType::rejected, "the trainer gave no reason"};
  const rapidjson::Value* const given = find(reply, "error");
  if (given == nullptr) return error;
  if (given->IsString()) error.message = view(*given);
  if (!given->IsObject()) return error;
  const rapidjson::Value* const message = find(*given, "message");
  if (message != nullptr && message->IsString()) error.message = view(*message);
  const rapidjson::Value* const type = find(*given, "error_type");
  if (type == nullptr || !type->IsString()) return error;
  for (const ErrorType known : {ErrorType::bad_request, ErrorType::unknown_command, ErrorType::busy,
                                ErrorType::timeout, ErrorType::forbidden}) {
    if (*type == error_type_name(known)) error.type = known;
  }
  return error;
}

}  // namespace

TrainerAnswer read_trainer_answer(const rapidjson::Value& reply, std::string_view result) {
  TrainerAnswer given;
  const rapidjson::Value* const success = find(reply, "success");
  given.success = success != nullptr && success->IsTrue();
  if (given.success) {
    // As it stands in the text: digits of any length pass unharmed.
    given.result_json = result.empty() ? "{}" : std::string(result);
  } else {
    given.error = trainer_error(reply);
  }
  return given;
}

}  // namespace bridge
