// What is asked of curves: which there are, their points, and the marks beside them.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "runs/run_answers.h"
#include "runs/run_tables.h"

namespace bridge {
namespace {

constexpr std::size_t kSeriesMax = 1024;  // in one reply
constexpr std::size_t kMarksMax = 1000;   // of a run in one reply
constexpr std::size_t kTagBytes = 64;     // in a reply, beside its name

// Whether `tag` is wanted: one of the list, or begins with one that ends in *.
bool is_wanted(const std::vector<std::string>& tags, std::string_view tag) {
  return tags.empty() || std::any_of(tags.begin(), tags.end(), [tag](const std::string& wanted) {
           if (wanted.empty() || wanted.back() != '*') return wanted == tag;
           return tag.substr(0, wanted.size() - 1) == std::string_view(wanted).substr(0, wanted.size() - 1);
         });
}

void add_series(JsonWriter& json, const std::string& run_id, std::string_view tag,
                const std::vector<Bucket>& buckets) {
  json.object().field("run_id", run_id).field("tag", tag).key("points").list();
  std::string point;
  for (const Bucket& b : buckets) {
    point.assign(1, '[');
    for (const double value : {b.x_first, b.first, b.last, b.min, b.max}) {
      append_digits(point, value);
      point += ',';
    }
    append_number(point, b.points);
    if (b.none != 0) append_number(point += ',', b.none);
    json.raw(point += ']');
  }
  json.end_list().end_object();
}

void add_marks(Database& db, JsonWriter& json, const std::string& run_id, std::uint64_t run) {
  // Of the run as a whole too.
  Statement rows(db,
                 "SELECT seq,kind,timestamp,data FROM marks WHERE run=?1 OR run=(SELECT w.id FROM runs w, runs r "
                 "WHERE r.id=?1 AND w.source=r.source AND w.run=r.run AND w.agent_id='') "
                 "ORDER BY seq DESC LIMIT ?2");
  rows.bind_all(run, kMarksMax);
  while (rows.step() && json.bytes() <= kReplyBytesMax) {
    json.object().field("run_id", run_id).field("seq", rows.number(0)).field("kind", rows.text(1));
    json.key("timestamp").seconds(static_cast<std::int64_t>(rows.real(2) * 1e6));
    json.key("data").raw(raw_or_null(rows.text(3))).end_object();
  }
}

// Whether all that the curve may be of may be read: a scalar may have any tag.
bool may_read_curve(const ReadScope* scope, const RunName& run, std::string_view tag) {
  if (scope == nullptr) return true;
  if (!scope->may_read("scalar", run.source, run.agent_id)) return false;
  const std::string_view type = tag.substr(0, tag.find('/'));
  if (type != "training_update" && type != "episode_end") return true;
  return scope->may_read(type, run.source, run.agent_id);
}

struct FoundRun {
  std::string id;
  RunName name;
  std::uint64_t row;
  double started;
  double last;
};
struct FoundRuns {
  std::vector<FoundRun> runs;
  std::vector<std::string> unknown;
};

// Each once. One of which no curve may be read is none.
FoundRuns find_runs(Database& db, const std::vector<std::string>& ids, const ReadScope* scope) {
  FoundRuns found;
  Statement tags(db, "SELECT tag FROM curves WHERE run=? AND points>0");
  const auto may_read_any = [&](const RunName& name, std::uint64_t row) {
    if (scope == nullptr) return true;
    tags.bind(1, row);
    bool any = false;
    while (!any && tags.step()) any = may_read_curve(scope, name, tags.text(0));
    tags.reset();
    return any;
  };
  std::set<std::string_view> seen;
  Statement find(db, "SELECT id,started,last FROM runs WHERE source=? AND run=? AND agent_id=? AND deleted=0");
  for (const std::string& id : ids) {
    if (!seen.insert(id).second) continue;
    const auto name = RunName::parse(id);
    if (name) find.bind_all(name->source, name->run, name->agent_id);
    if (name && find.step() && may_read_any(*name, find.number(0))) {
      found.runs.push_back({id, *name, find.number(0), find.real(1), find.real(2)});
    } else {
      found.unknown.push_back(id);
    }
    find.reset();
  }
  return found;
}

void add_unknown(JsonWriter& json, const FoundRuns& found) {
  json.key("unknown").list();
  for (const std::string& id : found.unknown) json.add(id);
  json.end_list();
}

// What every answer about curves ends with.
void finish(RunAnswer& answer, JsonWriter& json, const FoundRuns& found, bool complete, Database& db) {
  add_unknown(json, found);
  json.field("complete", complete);
  answer.work += json.bytes() / kCopiedBytesPerWork;
  answer.members = members_of(json);
  answer.seq = folded_to(db, "samples_seq");
}

// The curves of one name.
struct Tag {
  std::uint64_t runs = 0;
  std::uint64_t points = 0;
  double last = kNoNumber;
  double last_event = 0;  // of the run that `last` is of
  double first_step = kNoNumber;
  double last_step = kNoNumber;
};

}  // namespace

Answer answer_tags(Database& db, const TagsQuery& query, const std::function<bool()>& cancelled, const ReadScope* scope) {
  RunAnswer answer;
  const FoundRuns found = find_runs(db, query.run_ids, scope);
  std::map<std::string, Tag, std::less<>> tags;
  Statement curves(db, "SELECT tag,points,last,last_step,(SELECT step_min FROM chunks WHERE id=curves.id<<" +
                        std::to_string(kChunkBits) +
                        ") FROM curves WHERE run=?1 AND points>0 AND (?2='' OR instr(lower(tag),lower(?2))>0)");
  curves.bind(2, std::string_view(query.search));
  bool complete = true;
  std::size_t bytes = 0;
  for (const FoundRun& run : found.runs) {
    if (cancelled()) break;
    curves.bind(1, run.row);
    for (; curves.step(); ++answer.work) {
      if (!may_read_curve(scope, run.name, curves.text(0))) continue;
      auto known = tags.find(curves.text(0));
      if (known == tags.end()) {
        bytes += curves.text(0).size() + kTagBytes;
        complete = bytes <= kReplyBytesMax;
        if (!complete) break;
        known = tags.emplace(curves.text(0), Tag()).first;
      }
      Tag& tag = known->second;
      tag.points += curves.number(1);
      if (tag.runs++ == 0 || run.last >= tag.last_event) {
        tag.last = curves.is_null(2) ? kNoNumber : curves.real(2);
        tag.last_event = run.last;
      }
      if (!curves.is_null(3)) tag.last_step = std::fmax(tag.last_step, curves.real(3));
      if (!curves.is_null(4)) tag.first_step = std::fmin(tag.first_step, curves.real(4));
    }
    curves.reset();
  }
  JsonWriter json;
  json.object().key("tags").list();
  for (const auto& [name, tag] : tags) {
    complete = complete && json.bytes() <= kReplyBytesMax;
    if (json.bytes() > kReplyBytesMax) break;
    json.object().field("tag", name).field("runs", tag.runs).field("count", tag.points);
    json.key("last").raw(digits(tag.last)).key("steps").list();
    json.raw(digits(tag.first_step)).raw(digits(tag.last_step)).end_list().end_object();
  }
  json.end_list();
  finish(answer, json, found, complete, db);
  return answer;
}

Answer answer_series(Database& db, const SeriesQuery& query, const std::function<bool()>& cancelled, const ReadScope* scope) {
  RunAnswer answer;
  const FoundRuns found = find_runs(db, query.run_ids, scope);
  JsonWriter json;
  json.object().key("series").list();
  Statement curves(db, "SELECT id,tag FROM curves WHERE run=? ORDER BY tag");
  bool complete = true;
  std::size_t count = 0;
  for (const FoundRun& run : found.runs) {
    curves.bind(1, run.row);
    while (complete && curves.step()) {
      if (!is_wanted(query.tags, curves.text(1)) || cancelled()) continue;
      if (!may_read_curve(scope, run.name, curves.text(1))) continue;
      complete = json.bytes() <= kReplyBytesMax && count++ < kSeriesMax;
      if (!complete) break;
      SeriesRange range = query.range;
      range.origin_s = run.started;
      add_series(json, run.id, curves.text(1), read_series(db, curves.number(0), range, &answer.work));
    }
    curves.reset();
  }
  json.end_list();
  if (query.marks) {
    json.key("marks").list();
    for (const FoundRun& run : found.runs) {
      // A command's name may be any kind's, and a command is told of no agent.
      if (scope == nullptr || scope->may_read_all(run.name.source)) add_marks(db, json, run.id, run.row);
    }
    json.end_list();
  }
  finish(answer, json, found, complete, db);
  return answer;
}

}  // namespace bridge
