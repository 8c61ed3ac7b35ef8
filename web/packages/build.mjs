// Builds what is published into packages/*/dist.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const web = join(import.meta.dirname, '..');
const tsc = join(web, 'node_modules/.bin/tsc');

for (const name of ['client', 'react']) {
  const dir = join(import.meta.dirname, name);
  rmSync(join(dir, 'dist'), { recursive: true, force: true });
  execFileSync(tsc, ['-p', dir], { stdio: 'inherit' });
}
const dist = join(import.meta.dirname, 'react/dist');
cpSync(join(web, 'components/pgfeed.css'), join(dist, 'pgfeed.css'));
cpSync(join(web, 'components/styles'), join(dist, 'styles'), { recursive: true });
// TypeScript wants to know that the file exists that a page imports for its effect.
writeFileSync(join(dist, 'pgfeed.css.d.ts'), 'export {};\n');
