/** The export of traces: a collector that is slow, down or back, a change while Limpet serves, and the end. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { TestAuthority } from '../support/certificates.ts'
import { Collector } from '../support/collector.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, configFile, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { ended, onLinux, upgrade } from '../support/upgraded.ts'

const configOf = (address: string, tracing: object | undefined, workers = 1) =>
  JSON.stringify({
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers,
    admin: { port: 0 },
    accessLog: 'off',
    ...(tracing && { tracing }),
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [address] } },
  })

const SPANS_A_REQUEST = 2

/** Makes so many requests on one connection, as many at a time as `atOnce`. */
async function ask(client: RawClient, count: number, atOnce = 1): Promise<void> {
  for (let done = 0; done < count; done += atOnce) {
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(atOnce))
    await client.take(new RegExp(`(?:<ok>[^<]*){${atOnce}}`))
  }
}

/** Has Limpet apply another configuration. Resolves once it is in effect. */
async function reconfigure({ file, process, errors }: Limpet, config: string): Promise<void> {
  const applied = errors.all.filter((line) => /generation \d+/.test(line)).length
  await writeFile(file, config)
  process.kill('SIGHUP')
  await errors.matching(/generation \d+/, applied + 1)
}

/** Resolves once the metrics have these counts: the collector's last answer may still be on its way to Limpet. */
async function counts(limpet: Limpet, exported: number, dropped: number): Promise<void> {
  const url = await adminUrlOf(limpet)
  await until(async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    const [now, lost] = ['exported', 'dropped'].map((what) =>
      Number(new RegExp(`^limpet_spans_${what}_total (\\d+)$`, 'm').exec(metrics)![1]),
    )
    assert.ok(now! <= exported && lost! <= dropped, metrics)
    return now === exported && lost === dropped
  })
}

const troubles = ({ errors }: Limpet) => errors.all.filter((line) => line.includes('the export of traces'))

test('a collector that is down delays no request; the log says so once, and once that it is back, with what was lost', async (t) => {
  const port = await freePort()
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const limpet = await startLimpet(t, configOf(origin.address, { endpoint: `http://127.0.0.1:${port}` }))
  const client = await RawClient.connect(t, limpet.port)
  await ask(client, 10)
  await limpet.errors.find(/the export of traces to http:\/\/127\.0\.0\.1:\d+ fails: .*ECONNREFUSED/)
  await ask(client, 10)
  const collector = await Collector.start(t, port)
  // What ended after the first spans were given up arrives, since the exporter tries again.
  await collector.collected(10 * SPANS_A_REQUEST)
  await limpet.errors.find(/the export of traces to \S+ works again; 20 spans were dropped/)
  await ask(client, 5)
  assert.equal((await collector.collected(15 * SPANS_A_REQUEST)).length, 15 * SPANS_A_REQUEST)
  assert.equal(troubles(limpet).length, 2)
  await counts(limpet, 30, 20)
})

test('a collector that answers an error is named with its status', async (t) => {
  const collector = await Collector.start(t)
  collector.behaviour = 401
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const limpet = await startLimpet(t, configOf(origin.address, { endpoint: collector.url }))
  const client = await RawClient.connect(t, limpet.port)
  await ask(client, 1)
  await limpet.errors.find(/the export of traces to \S+ fails: the collector answers 401 Unauthorized/)
  await ask(client, 1)
  await collector.asked(2)
  assert.equal(troubles(limpet).length, 1)
})

test('a collector that is overloaded gets the same spans again, after a pause, and takes each once', async (t) => {
  const collector = await Collector.start(t)
  collector.behaviour = 503
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const limpet = await startLimpet(t, configOf(origin.address, { endpoint: collector.url }))
  const client = await RawClient.connect(t, limpet.port)
  await ask(client, 3)
  await collector.asked(2)
  collector.behaviour = 'take'
  await collector.collected(3 * SPANS_A_REQUEST)
  await counts(limpet, 3 * SPANS_A_REQUEST, 0)
  assert.equal(new Set(collector.spans.map(({ spanId }) => spanId)).size, 3 * SPANS_A_REQUEST)
  collector.behaviour = 503
  await ask(client, 1)
  await limpet.errors.find(/the export of traces to \S+ fails: the collector answers 429, 502, 503 or 504/)
})

test('a collector that is slow gets what there is room for; the rest is counted exactly, and no request waits', async (t) => {
  const REQUESTS = 10_000
  const collector = await Collector.start(t)
  collector.behaviour = 'hold'
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const limpet = await startLimpet(t, configOf(origin.address, { endpoint: collector.url }, 2))
  const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(t, limpet.port)))
  await Promise.all(clients.map((client) => ask(client, REQUESTS / 4, 20)))
  assert.equal(collector.spans.length, 0)
  await limpet.errors.find(/the export of traces to \S+ is too slow: spans are being dropped/)
  collector.release()
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
  const lost = troubles(limpet)
    .map((line) => Number(/(\d+) spans? w|lost (\d+)/.exec(line)?.slice(1).join('') ?? 0))
    .reduce((one, other) => one + other)
  assert.equal(collector.spans.length + lost, REQUESTS * SPANS_A_REQUEST)
  assert.ok(collector.spans.length >= 8192, `${collector.spans.length} arrived`)
})

test('what has ended by the stop is exported before the end, and a collector that is down does not delay that for long', async (t) => {
  const collector = await Collector.start(t)
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const limpet = await startLimpet(t, configOf(origin.address, { endpoint: collector.url }, 2))
  await ask(await RawClient.connect(t, limpet.port), 100, 20)
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
  assert.equal(collector.spans.length, 100 * SPANS_A_REQUEST)

  const other = await startLimpet(t, configOf(origin.address, { endpoint: `http://127.0.0.1:${await freePort()}` }))
  await ask(await RawClient.connect(t, other.port), 5)
  other.process.kill('SIGTERM')
  assert.equal(await other.exit, 0)
  assert.match(troubles(other).at(-1)!, /has lost 10 spans/)
})

test('is switched on, moved to another collector and switched off while Limpet serves', async (t) => {
  const [first, second] = await Promise.all([Collector.start(t), Collector.start(t)])
  const told: unknown[] = []
  const origin = await httpOrigin(t, ({ headers }, response) => {
    told.push(headers.traceparent !== undefined)
    response.end('<ok>')
  })
  const limpet = await startLimpet(t, configOf(origin.address, undefined, 2))
  const client = await RawClient.connect(t, limpet.port)
  await ask(client, 1)
  await reconfigure(limpet, configOf(origin.address, { endpoint: first.url }, 2))
  await ask(client, 3)
  // What has ended before the change still goes to the first one.
  await reconfigure(limpet, configOf(origin.address, { endpoint: second.url, headers: { 'X-Key': 'SECRET' } }, 2))
  await ask(client, 2)
  await reconfigure(limpet, configOf(origin.address, undefined, 2))
  await ask(client, 1)
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
  assert.deepEqual(told, [false, true, true, true, true, true, false])
  assert.deepEqual([first.spans.length, second.spans.length], [3 * SPANS_A_REQUEST, 2 * SPANS_A_REQUEST])
  assert.equal(second.requests[0]!.headers['x-key'], 'SECRET')
  assert.match(limpet.errors.all.join('\n'), /tracing\.headers changed/)
  assert.doesNotMatch(limpet.errors.all.join('\n'), /SECRET/)
})

test('a collector by HTTPS must have a certificate that is trusted', async (t) => {
  const authority = await TestAuthority.create()
  const collector = await Collector.start(t, 0, await authority.issue(['127.0.0.1']))
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const config = configOf(origin.address, { endpoint: collector.url })
  const stranger = await startLimpet(t, config)
  await ask(await RawClient.connect(t, stranger.port), 1)
  await stranger.errors.find(/the export of traces to https:\S+ fails: .*certificate/)
  const ca = join(await temporaryFolder(t), 'ca.pem')
  await writeFile(ca, authority.ca)
  const limpet = await startLimpet(t, config, { env: { NODE_EXTRA_CA_CERTS: ca } })
  await ask(await RawClient.connect(t, limpet.port), 1)
  await collector.collected(SPANS_A_REQUEST)
})

test('goes on while the program is replaced: both processes export, and the counts go on', onLinux, async (t) => {
  const collector = await Collector.start(t)
  const origin = await httpOrigin(t, (_, response) => response.end('<ok>'))
  const limpet = await startLimpet(t, configOf(origin.address, { endpoint: collector.url }))
  const client = await RawClient.connect(t, limpet.port)
  await ask(client, 3)
  const pid = await upgrade(t, limpet)
  await ask(client, 1)
  assert.equal(await limpet.exit, 0)
  assert.equal(collector.spans.length, 4 * SPANS_A_REQUEST)
  await ask(await RawClient.connect(t, limpet.port), 2)
  // What the first process has exported counts here, too.
  await counts(limpet, 6 * SPANS_A_REQUEST, 0)
  process.kill(pid, 'SIGTERM')
  await ended(pid)
  assert.equal(collector.spans.length, 6 * SPANS_A_REQUEST)
  assert.deepEqual(
    new Set(collector.spans.map(({ resource }) => resource['process.pid'])),
    new Set([limpet.process.pid, pid]),
  )
})

test('no token for the collector is shown', async (t) => {
  const file = await configFile(
    t,
    configOf('127.0.0.1:1', {
      endpoint: 'https://traces.example/otlp',
      headers: { 'X-Api': 'SECRET', tenant: 'SECRET2' },
    }),
  )
  const { code, stdout } = await runLimpet(['check', '-c', file])
  assert.equal(code, 0)
  assert.doesNotMatch(stdout, /SECRET/)
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration
  assert.ok(stdout.includes('headers:\n    x-api: ${TRACING_HEADER_1}\n    tenant: ${TRACING_HEADER_2}\n'), stdout)
})
