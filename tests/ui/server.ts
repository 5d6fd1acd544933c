// A real server on a port of its own with a fresh data folder, and the profiles that the tests look for.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuProfile } from './pprof';

export interface Server {
  url: string;
  stop: () => Promise<void>;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/ready`).then((response) => response.ok, () => false);
}

/** `port` 0 takes a free one. */
export async function startServer(port = 0): Promise<Server> {
  const program = process.env['CRESSET_SERVER'];
  if (!program) throw new Error('CRESSET_SERVER must name the cresset-server program');
  const address = `127.0.0.1:${port || (await freePort())}`;
  const url = `http://${address}`;
  const folder = mkdtempSync(join(tmpdir(), 'cresset-ui-'));
  const log: string[] = [];
  const child: ChildProcess = spawn(program, ['--listen', address, '--data-dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout!.on('data', (text) => log.push(String(text)));
  child.stderr!.on('data', (text) => log.push(String(text)));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const limit = Date.now() + 20_000;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || Date.now() > limit) {
      await stop();
      throw new Error(`the server did not become ready:\n${log.join('')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { url, stop };
}

export async function push(url: string, tenant: string, labels: Record<string, string>, profiles: Uint8Array[]): Promise<void> {
  const response = await fetch(`${url}/push.v1.PusherService/Push`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Scope-OrgID': tenant },
    body: JSON.stringify({
      series: [{
        labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
        samples: profiles.map((profile) => ({ rawProfile: Buffer.from(profile).toString('base64'), ID: randomUUID() })),
      }],
    }),
  });
  if (!response.ok) throw new Error(`push: ${response.status} ${await response.text()}`);
}

/** One profile of the service `checkout`, in milliseconds of CPU. */
export const checkout: Record<string, number> = {
  'main;serve_http;handle_checkout;parse_json': 300,
  'main;serve_http;handle_checkout;query_database;tcp_sendmsg': 250,
  'main;serve_http;handle_checkout;query_database;wait_for_reply': 100,
  'main;serve_http;handle_checkout': 50,
  'main;serve_http;render_template;walk_tree;walk_tree;walk_tree;escape_html': 120,
  'main;serve_http;render_template;walk_tree;escape_html': 80,
  'main;collect_garbage': 100,
};
export const CHECKOUT_MS = 1000;

export const toNanoseconds = (stacks: Record<string, number>) =>
  Object.fromEntries(Object.entries(stacks).map(([stack, ms]) => [stack, ms * 1_000_000]));

export const PROFILES = 20;

/** PROFILES profiles of two services over the last minutes. */
export async function pushFixture(url: string): Promise<void> {
  const now = Date.now();
  const times = Array.from({ length: PROFILES }, (_, i) => now - 30_000 - i * 15_000);
  await push(url, 'anonymous', { __name__: 'process_cpu', service_name: 'checkout', namespace: 'shop', pod: 'checkout-0' },
    times.map((time) => cpuProfile(toNanoseconds(checkout), time, 15)));
  await push(url, 'anonymous', { __name__: 'process_cpu', service_name: 'cart', namespace: 'shop', pod: 'cart-0' },
    times.map((time) => cpuProfile(toNanoseconds({ 'start;cart_loop;add_item': 400, 'start;cart_loop;idle_poll': 100 }), time, 15)));
  await push(url, 'other', { __name__: 'process_cpu', service_name: 'elsewhere', namespace: 'far' },
    times.slice(0, 2).map((time) => cpuProfile(toNanoseconds({ 'start;foreign_work': 10 }), time, 15)));
}
