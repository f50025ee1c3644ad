/** A case of the fixtures, played against Limpet, the real program. */
import { deepEqual, equal } from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { startLimpet } from '../../support/limpet.ts'
import { readByAll } from '../readers.ts'
import { anonymous, RecordingOrigin } from '../recording-origin.ts'
import { FrameClient } from './client.ts'
import type { Case } from './fixture.ts'
import { conversationOf } from './notation.ts'

type Origin = RecordingOrigin & { address: string }

/** Where a Limpet listens, and the authority of its certificate, by TLS. */
interface Place {
  readonly port: number
  readonly ca: string | undefined
}

/** Starts Limpet with such a listener, and a server behind it. */
export async function start(t: TestContext, listener: object, ca?: string): Promise<{ place: Place; origin: Origin }> {
  const origin = await RecordingOrigin.start(t)
  const { port } = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0, ...listener }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'origin' }],
    upstreams: { origin: { servers: [{ address: origin.address, maxFails: 0 }] } },
    accessLog: 'off',
  })
  return { place: { port, ca }, origin }
}

export async function play(t: TestContext, fixture: Case, { port, ca }: Place, origin: Origin): Promise<void> {
  const { outcome, leeway, received } = fixture
  origin.begin(fixture.responses)
  const client = await FrameClient.connect(t, port, ca)
  if (!fixture.isRaw) await client.begin()
  await client.perform(fixture.client, fixture.isSplit, (what) => origin.hears(what))
  const inView = () => (leeway.any ? { ...client.outcome, streams: {} } : client.outcome)
  const isAsExpected = () => JSON.stringify(inView()) === JSON.stringify(outcome)
  // The difference is more telling than the time that has passed.
  await client.until(isAsExpected, 'such outcome').catch(() => undefined)
  deepEqual({ ...inView(), fault: client.fault }, { ...outcome, fault: undefined })
  if (received !== undefined) equal(client.received(received.includes('  date: ')), received)
  if (outcome.connection !== '') await client.until(() => false, 'end of the connection')
  else if (!leeway.full) await followUp(client, fixture)
  client.end()
  await sentinel(t, port, ca)
  const parts = ownPartsOf(origin)
  if (fixture.forwarded !== undefined) {
    const forwarded = anonymous(parts.join(''), origin.address, port)
    const scheme = ca === undefined ? 'http' : 'https'
    equal(forwarded, fixture.forwarded.replaceAll('X-Forwarded-Proto: http\r', `X-Forwarded-Proto: ${scheme}\r`))
  }
  await areUnambiguous(fixture, parts)
}

/** Checks that the next request on the connection gets its own response, and that nothing else arrives. */
async function followUp(client: FrameClient, { client: { nextStream, setsWindows } }: Case): Promise<void> {
  const before = client.outcome
  const settings = setsWindows ? 'SETTINGS 0\n  INITIAL_WINDOW_SIZE 65535\n' : ''
  let next = nextStream - 2
  do {
    next += 2
    await client.perform(conversationOf(`${settings}GET ${next} /~next`, {}), false)
    await client.until(() => client.streams.get(next)?.isOver === true, 'answer to the next request')
    // What was refused was not processed, and may be tried again (RFC 9113 §8.7).
  } while (client.streams.get(next)?.error === 'REFUSED_STREAM')
  const { connection, streams } = client.outcome
  deepEqual({ connection, next: streams[next] }, { connection: '', next: '200' })
  equal(client.streams.get(next)!.body, '/~next')
  for (const [stream, became] of Object.entries(before.streams))
    if (!became.includes('open')) equal(streams[stream], became)
}

/** Sends another client's request, which must get its own response after any case. */
async function sentinel(t: TestContext, port: number, ca: string | undefined): Promise<void> {
  const client = await FrameClient.connect(t, port, ca)
  await client.begin()
  await client.perform(conversationOf('GET 1 /~sentinel', {}), false)
  await client.until(() => client.streams.get(1)?.isOver === true, 'answer to another client')
  deepEqual([client.outcome.streams[1], client.streams.get(1)?.body], ['200', '/~sentinel'])
  client.end()
}

/** Whether the bytes are those of an upgrade, and of what followed it. */
function isTunnel(part: string): boolean {
  return /^upgrade: /im.test(part)
}

/** What each connection of the origin got in this case, without the requests after it. */
function ownPartsOf({ byConnection }: Origin): string[] {
  return [...byConnection.values()].map((text) => {
    const cut = text.search(/GET \/~(?:next|sentinel) HTTP/)
    return cut < 0 ? text : text.slice(0, cut)
  })
}

/** Every reader must find the same requests in the forwarded bytes, and the intended number of them. */
async function areUnambiguous({ outcome, leeway, responses }: Case, parts: readonly string[]): Promise<void> {
  let count = 0
  for (const part of parts.filter((part) => !isTunnel(part))) {
    const { requests, rest } = await readByAll(Buffer.from(part, 'latin1'))
    count += requests.length
    if (!leeway.unfinished && !leeway.any) equal(rest, 'nothing')
  }
  if (responses.length > 0 || leeway.unfinished || leeway.any) return
  const served =
    outcome.http1 === 200 ? 1 : Object.values(outcome.streams).filter((became) => /\b200\b/.test(became)).length
  equal(count, served)
}
