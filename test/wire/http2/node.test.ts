import { once } from 'node:events'
import { createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Differences } from '../differences.ts'
import { FrameClient } from './client.ts'
import { allCases, type Case, type Outcome } from './fixture.ts'
import { conversationOf } from './notation.ts'

/** Round trips after which everything has happened in this process. */
const ROUND_TRIPS = 4

test("Node's own HTTP/2 server serves and refuses the same as Limpet, except for the known differences", async (t) => {
  const server = await NodeServer.start(t)
  const differences = new Differences('Node')
  for (const fixture of allCases().filter(isFair)) {
    await t.test(fixture.name, { timeout: 120_000 }, async (t) => {
      differences.compare(fixture.name, inWords(fixture.outcome), inWords(await server.answer(t, fixture)))
    })
  }
  differences.areThoseIn('../http2/fixtures/node-differences.md')
})

/** Responses of a script are no test of how a request is read, and neither is what Limpet does with HTTP/1.1. */
function isFair({ responses, outcome, leeway, client }: Case): boolean {
  const usesOrigin = client.steps.some((step) => step.kind === 'hear' && /^\d+ \d{3}$/.test(step.what))
  return responses.length === 0 && outcome.http1 === undefined && !leeway.any && !usesOrigin
}

/** How many requests are served and refused, and whether the connection ends. */
function inWords({ streams, connection }: Outcome): string {
  const ends = Object.values(streams)
  const refused = ends.filter((became) => /[A-Z]|[45]\d\d/.test(became)).length
  const served = ends.length - refused
  return [served, ...(refused > 0 ? [`${refused} refused`] : []), ...(connection === '' ? [] : ['closed'])].join(', ')
}

/** A server of Node's, with a limit on heads and streams as Limpet has it. */
class NodeServer {
  readonly #port: number
  #requested: () => void = () => undefined

  private constructor(port: number) {
    this.#port = port
  }

  static async start(t: TestContext): Promise<NodeServer> {
    const settings = { maxConcurrentStreams: 128, enableConnectProtocol: true }
    const server = createServer({ maxSendHeaderBlockLength: 64_000, settings })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sessions = new Set<Http2Session>()
    server.on('session', (session) => sessions.add(session))
    server.on('sessionError', () => undefined)
    t.after(() => {
      for (const session of sessions) session.destroy()
      server.close()
    })
    const node = new NodeServer((server.address() as AddressInfo).port)
    server.on('stream', (stream, headers) => node.#serve(stream as ServerHttp2Stream, String(headers[':path'])))
    return node
  }

  #serve(stream: ServerHttp2Stream, path: string): void {
    this.#requested()
    stream.on('error', () => undefined)
    stream.resume().on('end', () => {
      if (stream.destroyed || stream.closed || stream.headersSent) return
      stream.respond({ ':status': 200 })
      stream.end(path)
    })
  }

  /** What the server makes of a case. */
  async answer(t: TestContext, fixture: Case): Promise<Outcome> {
    const requested = new Promise<void>((resolve) => {
      this.#requested = resolve
    })
    const client = await FrameClient.connect(t, this.#port)
    if (!fixture.isRaw) await client.begin()
    const ended = client.until(() => client.goAway !== undefined, 'end').catch(() => undefined)
    const performed = client.perform(fixture.client, fixture.isSplit, () => requested).catch(() => undefined)
    await Promise.race([performed, ended])
    for (let trip = 0; trip < ROUND_TRIPS && !client.isClosed; trip++) await this.#roundTrip(client)
    const { outcome } = client
    client.end()
    return outcome
  }

  async #roundTrip(client: FrameClient): Promise<void> {
    const count = client.pings.length
    await client.perform(conversationOf('PING 0 together', {}), false)
    await client.until(() => client.pings.length > count, 'pong').catch(() => undefined)
  }
}
