type SourceSeq = number | bigint;

interface Range {
  first: SourceSeq;
  last: SourceSeq;
}

const runsMax = 1024;
const rangesOfRunMax = 4096;

const after = (n: SourceSeq): SourceSeq => {
  if (typeof n === 'bigint') return n + 1n;
  return n < Number.MAX_SAFE_INTEGER ? n + 1 : BigInt(n) + 1n;
};

// Which of the sources' events were already handed over, by (source, run, source_seq): the only
// name of an event that survives a change of epoch. A run's numbers come nearly in one piece, so a
// run is a short list of ranges. Bounded: the oldest numbers of a run, then the run untouched for
// longest, are forgotten; what is forgotten counts as not seen.
export class SeenEvents {
  // In order of their last use.
  private readonly runs = new Map<string, Range[]>();

  get size(): number {
    return this.runs.size;
  }

  /** Notes the event; false where it was noted before. */
  insert(source: string, run: string, seq: SourceSeq): boolean {
    const key = `${source}\n${run}`;
    const ranges = this.runs.get(key) ?? [];
    const newest = ranges[ranges.length - 1];
    if (newest !== undefined && after(newest.last) === seq) {
      newest.last = seq;
      return true;
    }
    this.runs.delete(key);
    this.runs.set(key, ranges);
    if (this.runs.size > runsMax) this.runs.delete(this.runs.keys().next().value!);
    const fresh = insertInto(ranges, seq);
    if (ranges.length > rangesOfRunMax) ranges.shift();
    return fresh;
  }

  clear(): void {
    this.runs.clear();
  }
}

function insertInto(ranges: Range[], seq: SourceSeq): boolean {
  // The first range that begins behind seq.
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.first > seq) high = middle;
    else low = middle + 1;
  }
  const before = ranges[low - 1];
  const behind = ranges[low];
  if (before !== undefined && seq <= before.last) return false;
  const joinsBefore = before !== undefined && after(before.last) === seq;
  const joinsBehind = behind !== undefined && after(seq) === behind.first;
  if (joinsBefore && joinsBehind) {
    before.last = behind.last;
    ranges.splice(low, 1);
  } else if (joinsBefore) {
    before.last = seq;
  } else if (joinsBehind) {
    behind.first = seq;
  } else {
    ranges.splice(low, 0, { first: seq, last: seq });
  }
  return true;
}
