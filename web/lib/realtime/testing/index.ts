export { conformance, type ConformanceCase, type ConformanceSubject } from './conformance.js';
export { FakeBrowser, FakeTab } from './fake-browser.js';
export { FakeClient } from './fake-client.js';
export { FakeGateway } from './fake-gateway.js';
export { ManualClock, settle } from './manual-clock.js';
export { ManualPage } from './manual-page.js';
export {
  activity,
  notification,
  PendingRequest,
  ScriptedStream,
  ScriptedTransport,
} from './scripted-transport.js';
