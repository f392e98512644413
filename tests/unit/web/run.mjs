// Bundles the TypeScript tests beside it into the folder that it is given, and runs them in Node.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const web = resolve(here, '../../../clients/web');
const { buildSync } = createRequire(join(web, 'package.json'))('esbuild');

const out = resolve(process.argv[2] ?? join(here, '../../../build/web-tests'));
const tests = readdirSync(here).filter((name) => name.endsWith('_test.ts'));
rmSync(out, { recursive: true, force: true });
buildSync({
  entryPoints: tests.map((name) => join(here, name)),
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node18',
  sourcemap: 'inline',
  nodePaths: [join(web, 'node_modules')],
});
const files = tests.map((name) => join(out, name.replace(/\.ts$/, '.mjs')));
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files],
                             { stdio: 'inherit' });
process.exit(status ?? 1);
