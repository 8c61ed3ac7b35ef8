// Uses the packages as another application would: packs them, puts the packed files where an application has its
// dependencies, compiles the examples against their types, and runs one of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const web = join(import.meta.dirname, '..');
const examples = join(web, 'examples');
const run = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options }).toString();
const manifest = (path) => JSON.parse(readFileSync(join(web, path, 'package.json'), 'utf8'));

rmSync(join(examples, 'node_modules'), { recursive: true, force: true });
for (const name of ['client', 'react']) {
  const target = join(examples, 'node_modules/@pgfeed', name);
  mkdirSync(target, { recursive: true });
  const packed = run('npm', ['pack', '--json', `./${name}`], { cwd: import.meta.dirname });
  const [{ filename }] = JSON.parse(packed);
  run('tar', ['-xzf', join(import.meta.dirname, filename), '--strip-components=1'], {
    cwd: target,
  });
}
// What the tests run with is what a user gets.
const { dependencies, version } = manifest('.');
const react = manifest('packages/react');
assert.deepEqual(react.dependencies, dependencies);
assert.deepEqual([manifest('packages/client').dependencies, react.version], [undefined, version]);

rmSync(join(examples, 'dist'), { recursive: true, force: true });
execFileSync(join(web, 'node_modules/.bin/tsc'), ['-p', examples], { stdio: 'inherit' });
process.stdout.write(run('node', ['published.js'], { cwd: join(examples, 'dist') }));
