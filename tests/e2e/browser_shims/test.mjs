// node:test, as far as the unit tests use it, in a browser.
const tests = [];

export function test(name, run) {
  tests.push({ name, run });
}

window.runTests = async () => {
  const results = [];
  for (const { name, run } of tests) {
    try {
      await run();
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error?.stack ?? error) });
    }
  }
  return results;
};
