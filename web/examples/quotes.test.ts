import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

// Code in the documentation names the file that it is taken from, which is compiled: <!-- path/in/the/repository -->
const root = join(import.meta.dirname, '../..');
const block = /^(?:<!-- (?<file>\S+) -->\n+)?```tsx?\n(?<code>.*?)^```$/gms;

it.each(['web/README.md', 'docs/realtime-architecture.md'])(
  '%s quotes code that compiles',
  (name) => {
    const blocks = [...readFileSync(join(root, name), 'utf8').matchAll(block)];
    expect(blocks).not.toHaveLength(0);
    for (const { groups } of blocks) {
      expect(groups?.file, `is taken from nowhere:\n${groups?.code}`).toBeDefined();
      expect(readFileSync(join(root, groups?.file ?? ''), 'utf8')).toContain(groups?.code);
    }
  },
);
