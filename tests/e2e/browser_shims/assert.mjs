// node:assert/strict, as far as the unit tests use it, in a browser.
function same(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

const text = (value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));

function fail(what, message) {
  throw new Error(message === undefined ? what : `${message}: ${what}`);
}

function checkError(error, wanted) {
  if (wanted === undefined) return;
  if (typeof wanted === 'function' && wanted.prototype instanceof Error) {
    if (!(error instanceof wanted)) fail(`not a ${wanted.name}: ${error}`);
  } else if (typeof wanted === 'function') {
    if (wanted(error) !== true) fail(`another error: ${error}`);
  } else {
    for (const [key, value] of Object.entries(wanted)) {
      const fits = value instanceof RegExp ? value.test(error[key]) : same(error[key], value);
      if (!fits) fail(`${key} is ${text(error[key])}, not ${value}`);
    }
  }
}

const assert = {
  equal: (a, b, message) => Object.is(a, b) || fail(`${text(a)} is not ${text(b)}`, message),
  notEqual: (a, b, message) => !Object.is(a, b) || fail(`is ${text(b)}`, message),
  deepEqual: (a, b, message) => same(a, b) || fail(`${text(a)} is not ${text(b)}`, message),
  ok: (value, message) => value || fail('is not true', message),
  match: (value, pattern) => pattern.test(value) || fail(`${value} does not match ${pattern}`),
  throws(run, wanted, message) {
    try {
      run();
    } catch (error) {
      checkError(error, wanted);
      return;
    }
    fail('nothing was thrown', message);
  },
  async rejects(promise, wanted) {
    try {
      await promise;
    } catch (error) {
      checkError(error, wanted);
      return;
    }
    fail('it was not rejected');
  },
};

export default assert;
