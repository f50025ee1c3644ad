import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { Differences, type Verdict } from './differences.ts'
import { allCases, type Case } from './fixture.ts'
import { nginxVersion, startNginx } from './nginx.ts'
import { NodeReader, type Reading, readLaxly, readStrictly } from './readers.ts'
import { perform, RecordingOrigin } from './recording-origin.ts'
import { type HeardResponse, responsesIn } from './responses.ts'

const skip = nginxVersion === undefined ? 'nginx is not installed on this machine' : false
/** The version to which the table of differences applies. */
const TABLED = '1.22'
const ROOMY = { headSize: 128_000, headers: 1000 }
const nodeReader = new NodeReader({ maxHeaderSize: ROOMY.headSize })

/** The request at the end of every case. A server that still reads requests answers it and closes. */
const LAST = 'GET /~last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

type Origins = (RecordingOrigin & { address: string })[]

test('nginx and Limpet serve and refuse the same, and no origin gets an unintended request', {
  skip,
}, async (t) => {
  const behindNginx = [await RecordingOrigin.start(t), await RecordingOrigin.start(t)]
  const behindLimpet = [await RecordingOrigin.start(t), await RecordingOrigin.start(t)]
  const nginx = await startNginx(t, addresses(behindNginx))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'origins' }],
    upstreams: { origins: { servers: addresses(behindLimpet).map((address) => ({ address, maxFails: 0 })) } },
    timeouts: { head: '300ms', body: '300ms' },
    accessLog: 'off',
  })
  const differences = new Differences('nginx')
  // Cases with scripted responses do not test how a request is read.
  for (const fixture of allCases().filter(({ responses }) => responses.length === 0)) {
    await t.test(fixture.name, { timeout: 120_000 }, async (t) => {
      const [theirs] = await Promise.all([
        putUntilHeard(t, fixture, nginx, behindNginx, 'may refuse'),
        put(t, fixture, limpet.port, behindLimpet, 'must understand'),
      ])
      differences.note(fixture, theirs)
    })
  }
  if (nginxVersion === TABLED) differences.areThoseIn('nginx-differences.md')
  else t.diagnostic(`the table of differences is about nginx ${TABLED}; this is ${nginxVersion}`)
})

const addresses = (origins: Origins) => origins.map(({ address }) => address)

/** Whether an origin's response was relayed. One without a status is HTTP/0.9, which nginx supports. */
const isAnswer = ({ status }: HeardResponse) => status === 200 || Number.isNaN(status)

/**
 * nginx closes a refused connection without reading the rest, so a reset may arrive before the refusal. If nothing was
 * received at all, the case is repeated.
 */
async function putUntilHeard(...of: Parameters<typeof put>): Promise<Verdict> {
  let verdict = await put(...of)
  for (let again = 0; again < 3 && verdict.served === 0 && !verdict.refused; again++) verdict = await put(...of)
  return verdict
}

/** Sends a case to a proxy, and counts the requests that its origins got. */
async function put(
  t: TestContext,
  fixture: Case,
  port: number,
  origins: Origins,
  origin: 'may refuse' | 'must understand',
): Promise<Verdict> {
  for (const origin of origins) origin.begin()
  const client = await RawClient.connect(t, port)
  client.socket.setMaxListeners(0)
  client.socket.setNoDelay()
  await perform(client.socket, fixture.request, (status) => client.hear(new RegExp(`^HTTP/1\\.1 ${status}`)))
  if (!client.socket.writableEnded) client.say(LAST)
  const methods = readLaxly(Buffer.from(fixture.requestText, 'latin1')).requests.map(({ method }) => method)
  const responses = responsesIn(await client.goodbye(), methods, true).filter(({ status }) => !(status < 200))
  await settle(t, port, origins)
  const answered = responses.filter(isAnswer)
  const connections = origins.flatMap(({ byConnection }) => [...byConnection.values()])
  await seesOnly(connections, answered.length, origin)
  const own = responses.filter(({ body }) => body !== '/~last')
  return {
    served: own.filter(isAnswer).length,
    // 408 is the response to an incomplete request.
    refused: own.some(({ status }) => status >= 400 && status !== 408),
  }
}

/** Sends two requests, one to each origin, to make sure that everything before has arrived. They are not counted. */
async function settle(t: TestContext, port: number, origins: Origins): Promise<void> {
  for (const _ of origins) {
    const client = await RawClient.connect(t, port)
    client.say('GET /~settle HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    deepEqual(
      responsesIn(await client.goodbye(), ['GET'], true).map(({ status, body }) => [status, body]),
      [[200, '/~settle']],
    )
  }
}

/** Every reader, strict or lax, must find as many requests as the proxy relayed responses. */
async function seesOnly(connections: readonly string[], meant: number, origin: 'may refuse' | 'must understand') {
  const readings = [
    readingOf(connections, (bytes) => readStrictly(bytes, ROOMY)),
    readingOf(connections, readLaxly),
    await nodeReadingOf(connections),
  ]
  for (const reading of readings) {
    const refused = (await reading).some(({ rest }) => rest === 'refused')
    if (refused && origin === 'may refuse') continue
    equal(refused, false)
    const targets = (await reading).flatMap(({ requests }) => requests.map(({ target }) => target))
    equal(targets.filter((target) => target !== '/~settle').length, meant, targets.join('\n'))
  }
}

async function readingOf(connections: readonly string[], read: (bytes: Buffer) => Reading | Promise<Reading>) {
  return Promise.all(connections.map((text) => read(Buffer.from(text, 'latin1'))))
}

/** Node has a list of known methods. It is not asked about others. */
function nodeReadingOf(connections: readonly string[]) {
  return readingOf(connections, (bytes) => {
    const strict = readStrictly(bytes, ROOMY)
    return strict.requests.every(({ method }) => NodeReader.knows(method)) ? nodeReader.read(bytes) : strict
  })
}
