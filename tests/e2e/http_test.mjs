// The dashboard's files as HTTP has it: types, caching, policy, and nothing else by any path.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { startBridge, stopAll } from './support.mjs';

after(stopAll);

// Paths go out as they are, not tidied up as fetch() does.
function ask(page, method, path, headers = {}) {
  const { hostname, port } = new URL(page);
  return new Promise((done, failed) => {
    const asked = request({ hostname, port, method, path, headers }, (reply) => {
      let body = '';
      reply.on('data', (chunk) => {
        body += chunk;
      });
      reply.on('end', () => done({ status: reply.statusCode, headers: reply.headers, body }));
    });
    asked.on('error', failed);
    asked.end();
  });
}

test('http: types, caching, policy, methods', async () => {
  const { page } = await startBridge();
  const home = await ask(page, 'GET', '/');
  assert.equal(home.status, 200);
  assert.equal(home.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(home.headers['cache-control'], 'no-cache');
  assert.equal(home.headers['x-content-type-options'], 'nosniff');
  assert.match(home.headers['content-security-policy'], /^default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(home.headers['content-security-policy'], /unsafe|https?:|\*/);
  assert.doesNotMatch(home.body, /<script(?![^>]*src=)|<style| style=|https?:/);

  const assets = [...home.body.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)].map(([, path]) => path);
  assert.ok(assets.length >= 3, home.body);
  const types = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
  for (const path of ['/', ...assets]) {
    const whole = await ask(page, 'GET', path);
    assert.equal(whole.status, 200, path);
    if (path !== '/') assert.equal(whole.headers['content-type'], types[path.split('.').pop()]);
    if (path.startsWith('/assets/')) assert.match(whole.headers['cache-control'], /max-age=31536000, immutable/);
    const head = await ask(page, 'HEAD', path);
    assert.equal(head.status, 200);
    assert.equal(head.body, '');
    assert.equal(Number(head.headers['content-length']), Buffer.byteLength(whole.body), path);
    const same = await ask(page, 'GET', path, { 'If-None-Match': `"x", W/${whole.headers.etag}` });
    assert.deepEqual([same.status, same.body, same.headers.etag], [304, '', whole.headers.etag]);
    assert.equal((await ask(page, 'GET', path, { 'If-None-Match': '"x"' })).status, 200);
    const wrong = await ask(page, 'POST', path);
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET, HEAD']);
  }
  for (const path of ['/assets', '/assets/', '/index.html', '/assets/../assets', '/../CMakeLists.txt',
                      '/%2e%2e/etc/passwd', '/assets/..%2f..%2fetc%2fpasswd', '//etc/passwd', `${assets[0]}/`]) {
    const missing = await ask(page, 'GET', path);
    assert.deepEqual([path, missing.status], [path, 404]);
    assert.equal(missing.headers['x-content-type-options'], 'nosniff');
  }
  assert.equal((await ask(page, 'GET', '/?view=tape')).status, 200);
});
