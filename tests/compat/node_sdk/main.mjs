// Profiles itself with the Node SDK: main.mjs http://127.0.0.1:4040 TENANT SECONDS, of CPU time
import Pyroscope from '@pyroscope/nodejs';

const [url, tenant, seconds] = process.argv.slice(2);
const kept = [];

const cpuSeconds = () => process.cpuUsage().user / 1e6;

function findPrimes(end) {
  let primes = 0;
  for (let i = 2; cpuSeconds() < end; i++) {
    let prime = true;
    for (let j = 2; j < 20000; j++) if (i % j === 0 && i !== j) prime = false;
    if (prime) primes++;
  }
  return primes;
}

function handleCheckout(end) {
  return findPrimes(end);
}

function handleSearch(end) {
  return findPrimes(end);
}

function keepObjects() {
  for (let i = 0; i < 200_000; i++) kept.push({ number: i, text: `number ${i}` });
}

async function work(handle) {
  for (const end = cpuSeconds() + seconds / 2; cpuSeconds() < end; await new Promise((resolve) => setImmediate(resolve)))
    handle(cpuSeconds() + 0.1);
}

// The windows end between turns of the event loop. What the SDK sends is counted, because stop()
// sends no heap profile, and fails when it coincides with the end of a window.
let uploads = 0;
const send = globalThis.fetch;
globalThis.fetch = async (...request) => {
  const response = await send(...request);
  uploads++;
  return response;
};

async function waitForUploads(n) {
  for (const end = uploads + n; uploads < end; await new Promise((resolve) => setTimeout(resolve, 10)));
}

Pyroscope.init({
  appName: 'shop.node', serverAddress: url, tenantID: tenant, flushIntervalMs: 1000,
  tags: { region: 'east' },
  wall: { collectCpuTime: true, samplingDurationMs: 1000, samplingIntervalMicros: 5000 },
  heap: { samplingIntervalBytes: 65536, stackDepth: 64 },
});
Pyroscope.start();
keepObjects();
await work((end) => Pyroscope.wrapWithLabels({ controller: 'checkout', span_id: '00f067aa0ba902b7' }, () => handleCheckout(end)));
await work((end) => Pyroscope.wrapWithLabels({ controller: 'search' }, () => handleSearch(end)));
await waitForUploads(4);
await Pyroscope.stop();
if (kept.length !== 200_000) process.exit(1);
