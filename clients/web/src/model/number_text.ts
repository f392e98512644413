// Numbers as people write them where they live. What may mean two things is refused, with both told: `1,000` is a
// thousand to some and one to others, and is never guessed.

export interface ReadNumber {
  value?: number | bigint;
  /** Why it is none. */
  problem?: string;
}

const units: Record<string, number> = { '': 1, k: 1e3, m: 1e6, b: 1e9 };
const spaces = /[\s\u00a0\u202f'’_]/;

/** What stands in front of the fraction where the reader lives: `.` or `,`. */
export function decimalOf(locale?: string): '.' | ',' {
  const found = new Intl.NumberFormat(locale).formatToParts(1.5).find(({ type }) => type === 'decimal')?.value;
  return found === ',' ? ',' : '.';
}

/** Reads `0.0003`, `1e-4`, `1,000`, `1 000`, `1_000`, `1.5m`. Whole numbers keep every digit. */
export function readNumberText(text: string, decimal = decimalOf()): ReadNumber {
  const parts = /^([-+−]?)([0-9.,_'’\s\u00a0\u202f]*[0-9.])(e[-+]?[0-9]+)?\s*([kmb]?)$/i.exec(text.trim());
  if (parts === null) return { problem: text.trim() === '' ? 'a number is missing' : 'this is no number' };
  const [, sign, digits, exponent = '', unit] = parts as unknown as [string, string, string, string | undefined, string];
  const plain = plainDigits(digits, decimal);
  if (plain.problem !== undefined) return plain;
  const written = `${sign === '-' || sign === '−' ? '-' : ''}${plain.text}${exponent}`;
  const factor = units[unit.toLowerCase()]!;
  const value = Number(written) * factor;
  if (!Number.isFinite(value)) return { problem: 'this is too large' };
  // Rounded as written: 1.1k is 1100 and not 1100.0000000000002.
  const exact = factor === 1 ? value : Number((Number(written) * factor).toPrecision(15));
  const isWhole = /^-?[0-9]+$/.test(written) && factor === 1;
  return { value: isWhole && !Number.isSafeInteger(value) ? BigInt(written) : exact };
}

function plainDigits(digits: string, decimal: '.' | ','): { text: string; problem?: undefined } | { problem: string } {
  const group = decimal === '.' ? ',' : '.';
  const marks = digits.replace(/[0-9]/g, '');
  if (marks === '') return { text: digits };
  const inThrees = (mark: string) => new RegExp(`^[1-9][0-9]{0,2}(?:${mark}[0-9]{3})+$`);
  const spaced = spaces.exec(digits)?.[0];
  if (spaced !== undefined) {
    const [whole, ...fraction] = digits.split(/[.,]/);
    if (fraction.length > 1 || !inThrees(spaces.source).test(whole!)) return { problem: 'digits stand in groups of three' };
    return { text: `${whole!.replace(/[^0-9]/g, '')}${fraction[0] === undefined ? '' : `.${fraction[0]}`}` };
  }
  const has = (mark: string) => digits.includes(mark);
  if (has('.') && has(',')) {
    const [whole, fraction, more] = digits.split(decimal);
    const fits = more === undefined && inThrees(`\\${group}`).test(whole!) && /^[0-9]+$/.test(fraction!);
    return fits ? { text: `${whole!.replaceAll(group, '')}.${fraction}` }
      : { problem: `here ${decimal} stands before the fraction, and ${group} before each three digits` };
  }
  const mark = has('.') ? '.' : ',';
  const couldBeThousands = inThrees(`\\${mark}`).test(digits);
  const couldBeFraction = digits.split(mark).length === 2 && digits !== mark;
  // Where they live it is plain, and the other reading is not what a program would write either.
  if (mark === group && couldBeThousands && group === ',') return { text: digits.replaceAll(mark, '') };
  if (mark === decimal && couldBeFraction && !(couldBeThousands && decimal === ',')) return { text: digits.replace(mark, '.') };
  if (couldBeThousands && couldBeFraction) {
    const thousand = digits.replace(mark, '');
    return { problem: `this may be ${thousand} or ${digits.replace(mark, '.').replace(/\.?0+$/, '')}: write it without ${mark}` };
  }
  if (couldBeThousands) return { text: digits.replaceAll(mark, '') };
  // As programs write it, wherever one lives.
  if (mark === '.' && couldBeFraction) return { text: digits };
  return { problem: mark === ',' && couldBeFraction ? `a fraction stands behind a point here: ${digits.replace(',', '.')}` : 'digits stand in groups of three' };
}
