// JSON without harm to integers: one that a double cannot hold exactly is read as a bigint, so that
// a 64-bit id or a sum of gold keeps every digit. One beyond all doubles is infinite, as 1e400 is: a million digits
// would take seconds to show.

export type Json = null | boolean | number | bigint | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

const numberText = /[-+.0-9eE]*/y;
// An integer of sixteen digits or more may be beyond 2^53; digits after a point do not count.
const longInteger = /(?:^|[^.0-9])[0-9]{16}/;

/** Throws SyntaxError where `text` is not JSON. */
export function parseJson(text: string): Json {
  const value = JSON.parse(text) as Json;
  return longInteger.test(text) ? new ExactReader(text).read() : value;
}

// Reads once more a text that JSON.parse has accepted, so it need not check anything.
class ExactReader {
  private at = 0;

  constructor(private readonly text: string) {}

  read(): Json {
    this.skipSpace();
    switch (this.text[this.at]) {
      case '{':
        return this.readObject();
      case '[':
        return this.readList();
      case '"':
        return this.readString();
      case 't':
        this.at += 4;
        return true;
      case 'f':
        this.at += 5;
        return false;
      case 'n':
        this.at += 4;
        return null;
      default:
        return this.readNumber();
    }
  }

  private readObject(): JsonObject {
    const object: JsonObject = {};
    ++this.at;
    this.skipSpace();
    while (this.text[this.at] !== '}') {
      const key = this.readString();
      this.skipSpace();
      ++this.at; // the colon
      const value = this.read();
      if (key === '__proto__') {
        Object.defineProperty(object, key, {
          value, enumerable: true, configurable: true, writable: true,
        });
      } else {
        object[key] = value;
      }
      this.skipComma();
    }
    ++this.at;
    return object;
  }

  private readList(): Json[] {
    const list: Json[] = [];
    ++this.at;
    this.skipSpace();
    while (this.text[this.at] !== ']') {
      list.push(this.read());
      this.skipComma();
    }
    ++this.at;
    return list;
  }

  private readString(): string {
    const begin = this.at;
    let end = this.text.indexOf('"', begin + 1);
    while (this.isEscaped(end)) end = this.text.indexOf('"', end + 1);
    this.at = end + 1;
    const inner = this.text.slice(begin + 1, end);
    return inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner;
  }

  private isEscaped(position: number): boolean {
    let backslashes = 0;
    while (this.text[position - 1 - backslashes] === '\\') ++backslashes;
    return backslashes % 2 === 1;
  }

  private readNumber(): number | bigint {
    numberText.lastIndex = this.at;
    const text = numberText.exec(this.text)![0];
    this.at += text.length;
    const value = Number(text);
    return Number.isSafeInteger(value) || !Number.isFinite(value) || /[.eE]/.test(text) ? value : BigInt(text);
  }

  private skipComma(): void {
    this.skipSpace();
    if (this.text[this.at] === ',') {
      ++this.at;
      this.skipSpace();
    }
  }

  private skipSpace(): void {
    for (; ; ++this.at) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }
}

/** The value as JSON text, every digit of a bigint included. `indent` as for JSON.stringify. */
export function jsonText(value: Json, indent = 0, depth = 0): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Array.isArray(value)
    ? value.map((entry) => jsonText(entry, indent, depth + 1))
    : Object.entries(value).filter(([, entry]) => entry !== undefined).map(([key, entry]) =>
        `${JSON.stringify(key)}:${indent ? ' ' : ''}${jsonText(entry, indent, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (entries.length === 0) return `${open}${close}`;
  if (!indent) return `${open}${entries.join(',')}${close}`;
  const pad = ' '.repeat(indent * (depth + 1));
  return `${open}\n${pad}${entries.join(`,\n${pad}`)}\n${' '.repeat(indent * depth)}${close}`;
}
