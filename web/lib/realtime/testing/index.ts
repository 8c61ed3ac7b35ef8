export { conformance, type ConformanceCase, type ConformanceSubject } from './conformance';
export { FakeBrowser, FakeTab } from './fake-browser';
export { FakeClient } from './fake-client';
export { FakeGateway } from './fake-gateway';
export { ManualClock, settle } from './manual-clock';
export { ManualPage } from './manual-page';
export {
  activity,
  notification,
  PendingRequest,
  ScriptedStream,
  ScriptedTransport,
} from './scripted-transport';
