import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Exchange } from '../../../src/exchange/exchange.ts'
import { Failure } from '../../../src/exchange/failure.ts'
import { ReceivedRequest } from '../../../src/exchange/received-request.ts'
import { type ClientOrigin, ConnectionOrigin } from '../../../src/forwarding/client-origin.ts'
import { UNTIL_CLOSE } from '../../../src/http1/framing.ts'
import { parseIpAddress } from '../../../src/runtime/ip-address.ts'
import type { LocalWorker } from '../../support/local-worker.ts'
import { type Asked, type Client, type ClientExchange, type ClientKind, Received } from './client.ts'
import { ScriptedDownstream } from './scripted-downstream.ts'

/** Brings its requests to a worker without a connection, as streams of HTTP/2 will be. */
class ScriptedClient implements Client {
  readonly #worker: LocalWorker
  readonly #origin: ClientOrigin
  readonly #atEnd: (() => void)[] = []

  constructor(test: TestContext, worker: LocalWorker) {
    this.#worker = worker
    const end = (text: string, port: number) => ({ address: parseIpAddress(text)!, port })
    const source = end('192.0.2.1', 50_000)
    const ends = {
      source,
      destination: end('192.0.2.2', 443),
      port: 443,
      isSecure: true,
      tls: undefined,
      redirectTo: 0,
      listener: '',
    }
    this.#origin = new ConnectionOrigin(ends, { atEnd: (act) => this.#atEnd.push(act) }, undefined)
    test.after(() => {
      for (const act of this.#atEnd) act()
    })
  }

  ask({ method = 'GET', fields = {}, body, upgrade }: Asked): ClientExchange {
    const { context } = this.#worker
    const lines = Object.entries({
      host: 'localhost',
      ...fields,
      ...(typeof body === 'number' && { 'content-length': body }),
      ...(upgrade !== undefined && { connection: 'upgrade', upgrade }),
    }).map(([name, value]) => `${name}: ${value}\r\n`)
    const bytes = Buffer.from(`${method} / HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
    const { requestHead: head } = context
    assert.ok(head.parse(bytes, 0, context.generation.snapshot.limits))
    const request = new ReceivedRequest(head, body === 'unknown' ? UNTIL_CLOSE : undefined, true)
    const response = new Received()
    const downstream = new ScriptedDownstream(context, this.#origin, response, request.takesTrailers)
    const exchange = new Exchange(context, downstream, request)
    downstream.serve(exchange)
    exchange.begin(head)
    return new ScriptedExchange(response, downstream, exchange)
  }
}

class ScriptedExchange implements ClientExchange {
  readonly response: Received
  readonly #downstream: ScriptedDownstream
  readonly #exchange: Exchange

  constructor(response: Received, downstream: ScriptedDownstream, exchange: Exchange) {
    this.response = response
    this.#downstream = downstream
    this.#exchange = exchange
  }

  send(bytes: Buffer): void {
    this.#downstream.push(bytes)
  }

  end(trailers?: Readonly<Record<string, string>>): void {
    this.#downstream.pushEnd(trailers)
  }

  breakRules(): void {
    this.#exchange.failed(new Failure('bad-request', 'a frame is malformed'))
  }

  leave(): void {
    this.#exchange.left()
  }

  pause(): void {
    this.#downstream.pause()
  }

  resume(): void {
    this.#downstream.drain()
  }

  held(): Promise<number> {
    return this.#downstream.held()
  }
}

export const scripted: ClientKind = {
  name: 'a scripted stream, without a socket',
  countsFraming: false,
  protocol: 'HTTP/2.0',
  statusOfSwitch: 101,
  start: async (test, worker) => new ScriptedClient(test, worker),
}
