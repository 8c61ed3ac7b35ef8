// @vitest-environment jsdom
import { cleanup, render } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { InViewStub } from './testing-in-view.js';
import { type InView, useInView } from './use-in-view.js';

const told: InView[] = [];

beforeEach(() => {
  told.length = 0;
  InViewStub.observers = [];
  vi.stubGlobal('IntersectionObserver', InViewStub);
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function Mark() {
  const ref = useInView<HTMLDivElement>((where) => told.push(where), 8);
  return <div className="mark" ref={ref} />;
}

/** What browsers make of `overflow-x: hidden` alone looks like what scrolls. */
function renderInBox() {
  const box = document.createElement('div');
  box.style.overflowX = 'hidden';
  box.style.overflowY = 'auto';
  document.body.append(box);
  render(<Mark />, { container: box });
  return box;
}

it('watches what can be seen of the page, whatever is around the element', () => {
  renderInBox();
  expect(InViewStub.observers.map(({ options }) => options)).toEqual([
    { rootMargin: '8px 0px', scrollMargin: '8px 0px' },
  ]);
});

it('tells what is above the page, and above a box in it, from what is below', () => {
  const box = renderInBox();
  for (const where of ['visible', 'above', 'below'] as const) InViewStub.tell('.mark', where);
  expect(told).toEqual(['visible', 'above', 'below']);
  box.getBoundingClientRect = () => new DOMRect(0, 2_500, 100, 100);
  InViewStub.tell('.mark', 'below');
  expect(told.at(-1)).toBe('above');
});
