import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { LocalWorker } from '../../support/local-worker.ts'
import { httpOrigin, rawOrigin } from '../../support/origin.ts'
import { type ClientKind, Received } from './client.ts'

export const KB = 1024
export const MB = 1024 * KB
/** More than the kernel takes for one connection. */
export const LARGE = 24 * MB

/** Bytes that are not the same if some are lost, doubled or out of place. */
export function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at)
  return bytes
}

export async function bodyOf(message: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const bytes of message) pieces.push(bytes)
  return Buffer.concat(pieces)
}

/** Resolves once a socket is closed, whether or not it failed before. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** What the other end of a socket sends. */
export function heardBy(socket: Socket): Received {
  const heard = new Received()
  socket.on('data', (bytes: Buffer) => heard.data(bytes))
  socket.on('end', () => heard.finish('whole'))
  socket.on('error', () => heard.finish('reset'))
  return heard
}

/** Clients of one kind, a worker of this thread, and real servers behind it. */
export class Arrangement {
  readonly kind: ClientKind

  constructor(kind: ClientKind) {
    this.kind = kind
  }

  /** A worker in front of these servers, in turn; and a client of it. */
  async clientBefore(t: TestContext, servers: readonly { address: string }[], settings: object = {}) {
    const worker = await LocalWorker.start(t, {
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { servers: servers.map(({ address }) => address) } },
      ...settings,
    })
    return { worker, client: await this.kind.start(t, worker) }
  }

  /** A client in front of one server that speaks HTTP by Node's own implementation. */
  async clientOf(
    t: TestContext,
    handle: (request: IncomingMessage, response: ServerResponse) => unknown,
    settings?: object,
  ) {
    const origin = await httpOrigin(t, handle)
    return { origin, ...(await this.clientBefore(t, [origin], settings)) }
  }

  /** A client in front of one server whose every byte the test decides on. */
  async clientOfRaw(t: TestContext, converse: (socket: Socket) => void, settings?: object) {
    const origin = await rawOrigin(t, converse)
    return { origin, ...(await this.clientBefore(t, [origin], settings)) }
  }

  /** @param isFramed whether the body's framing may count as well */
  async assertRecord(worker: LocalWorker, status: number, length: number, isFramed = false): Promise<void> {
    const [record] = await worker.records(1)
    assert.equal(record!.status, status)
    assert.equal(record!.protocol, this.kind.protocol)
    if (isFramed && this.kind.countsFraming) assert.ok(record!.bytesSent > length, `${record!.bytesSent} > ${length}`)
    else assert.equal(record!.bytesSent, length)
  }
}
