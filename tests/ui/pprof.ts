// A pprof encoder just large enough for test data: stacks of function names with values.
import { gzipSync } from 'node:zlib';

class Message {
  private bytes: number[] = [];
  private varint(value: bigint) {
    for (let rest = value; ; rest >>= 7n) {
      if (rest < 128n) {
        this.bytes.push(Number(rest));
        return;
      }
      this.bytes.push(Number(rest & 127n) | 128);
    }
  }
  int(field: number, value: number | bigint): this {
    this.varint(BigInt(field << 3));
    this.varint(BigInt(value));
    return this;
  }
  packed(field: number, values: (number | bigint)[]): this {
    const inner = new Message();
    for (const value of values) inner.varint(BigInt(value));
    return this.raw(field, inner.bytes);
  }
  text(field: number, text: string): this {
    return this.raw(field, [...Buffer.from(text)]);
  }
  message(field: number, inner: Message): this {
    return this.raw(field, inner.bytes);
  }
  private raw(field: number, bytes: number[]): this {
    this.varint(BigInt((field << 3) | 2));
    this.varint(BigInt(bytes.length));
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }
  finish = () => Uint8Array.from(this.bytes);
}

/** Stacks as "root;...;leaf" with nanoseconds of CPU; gzip, as agents send it. */
export function cpuProfile(stacks: Record<string, number>, timeMs: number, seconds: number): Uint8Array {
  const strings = [''];
  const string = (text: string) => {
    const at = strings.indexOf(text);
    return at >= 0 ? at : strings.push(text) - 1;
  };
  const functions: string[] = [];
  const profile = new Message();
  const valueType = (type: string, unit: string) => new Message().int(1, string(type)).int(2, string(unit));
  profile.message(1, valueType('cpu', 'nanoseconds'));
  for (const [stack, value] of Object.entries(stacks)) {
    const ids = stack.split(';').map((name) => {
      const at = functions.indexOf(name);
      return at >= 0 ? at + 1 : functions.push(name);
    });
    profile.message(2, new Message().packed(1, ids.reverse()).packed(2, [value]));
  }
  profile.message(3, new Message().int(1, 1).int(2, 0x400000).int(3, 0x500000).int(5, string('/usr/bin/fixture')).int(7, 1));
  functions.forEach((name, i) => {
    const line = new Message().int(1, i + 1).int(2, 10);
    profile.message(4, new Message().int(1, i + 1).int(2, 1).int(3, 0x400000 + 16 * i).message(4, line));
    profile.message(5, new Message().int(1, i + 1).int(2, string(name)).int(3, string(name)).int(4, string('fixture.c')));
  });
  const period = valueType('cpu', 'nanoseconds');
  for (const text of strings) profile.text(6, text);
  profile.int(9, BigInt(timeMs) * 1_000_000n).int(10, BigInt(seconds) * 1_000_000_000n).message(11, period).int(12, 10_000_000);
  return gzipSync(profile.finish());
}
