import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import config from '../vite.config.js';

it('asks only for what the development server passes on to the gateway', () => {
  const source = readFileSync(new URL('demo-api.ts', import.meta.url), 'utf8');
  const paths = [...source.matchAll(/'(\/demo\/[a-z]+)'/g)].map(([, path]) => path);
  expect(paths).toHaveLength(4);
  expect(Object.keys(config.server?.proxy ?? {})).toEqual(expect.arrayContaining(paths));
});
