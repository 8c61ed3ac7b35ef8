import { describe, expect, it } from 'vitest';
import { SSEParser, type ServerSentEvent } from './sse-parser.js';

function parse(...chunks: string[]): { events: ServerSentEvent[]; retries: number[] } {
  const events: ServerSentEvent[] = [];
  const retries: number[] = [];
  const parser = new SSEParser({
    onEvent: (event) => events.push(event),
    onRetry: (milliseconds) => retries.push(milliseconds),
  });
  for (const chunk of chunks) parser.push(chunk);
  return { events, retries };
}

describe('SSEParser', () => {
  it('reads event, data and id', () => {
    expect(parse('event: greeting\nid: 7\ndata: hi\n\n').events).toEqual([
      { type: 'greeting', data: 'hi', lastEventId: '7' },
    ]);
  });

  it.each([
    ['LF', '\n'],
    ['CR', '\r'],
    ['CRLF', '\r\n'],
  ])('takes %s as the end of a line', (_name, end) => {
    const { events } = parse(['event: a', 'data: 1', '', 'data: 2', '', ''].join(end));
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['a', '1'],
      ['message', '2'],
    ]);
  });

  it('gives the same events wherever the chunks end', () => {
    const text =
      '\uFEFFevent: a\r\nid: 1\r\ndata: x\r\ndata: y\r\n\r\n: note\rdata:z\r\rretry: 5\ndata\n\n';
    const whole = parse(text);
    expect(whole.events.map((event) => event.data)).toEqual(['x\ny', 'z', '']);
    for (let cut = 0; cut <= text.length; cut++) {
      expect(parse(text.slice(0, cut), text.slice(cut))).toEqual(whole);
    }
    expect(parse(...text)).toEqual(whole);
  });

  it('leaves out a byte order mark at the start only', () => {
    expect(parse('\uFEFFdata: 1\n\n').events[0]?.data).toBe('1');
    expect(parse('data: 1\n\n', '\uFEFFdata: 2\n\n').events).toHaveLength(1);
  });

  it('ignores comments and unknown fields', () => {
    expect(parse(': keep-alive\n\ncolour: red\ndata: 1\n\n').events).toEqual([
      { type: 'message', data: '1', lastEventId: '' },
    ]);
  });

  it('dispatches nothing without data, yet keeps the id', () => {
    expect(parse('event: a\nid: 9\n\ndata: 1\n\n').events).toEqual([
      { type: 'message', data: '1', lastEventId: '9' },
    ]);
  });

  it('ignores an id with a NUL', () => {
    expect(parse('id: 1\n\nid: 2\0\ndata: x\n\n').events[0]?.lastEventId).toBe('1');
  });

  it('takes retry from digits only', () => {
    expect(parse('retry: 1500\nretry: -1\nretry: 1e3\nretry:\nretry: 20\n').retries).toEqual([
      1500, 20,
    ]);
  });

  it('removes one space after the colon, not two', () => {
    expect(parse('data:  a\ndata:b\n\n').events[0]?.data).toBe(' a\nb');
  });

  it('drops an event that the end of the stream cut off', () => {
    expect(parse('data: whole\n\ndata: half\n').events).toHaveLength(1);
  });
});
