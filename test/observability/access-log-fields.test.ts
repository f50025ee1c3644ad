/** Which fields the access log has in JSON: `accessLog.fields`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { accessLogFields, standardFields } from '../../src/runtime/access-log-field.ts'
import { configFile, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

const config = (accessLog: unknown, server = '127.0.0.1:1') => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  workers: 1,
  accessLog,
  routes: [{ path: '/shop/*', upstream: 'shop' }],
  upstreams: { shop: { servers: [{ name: 'shop-1', address: server }] } },
})

/** What the log says of a POST of 5 bytes for /shop/a?b=c that gets 2 bytes back. */
async function logged(t: Parameters<typeof startLimpet>[0], accessLog: unknown): Promise<string> {
  const { address } = await httpOrigin(t as never, (request, response) =>
    request.resume().on('end', () => response.end('ok')),
  )
  const limpet = await startLimpet(t, config(accessLog, address))
  await (await fetch(`${limpet.url}/shop/a?b=c`, { method: 'POST', body: 'hello', headers: { referer: '/r' } })).text()
  const [line] = await limpet.log.matching(/./, 1)
  return line!
}

test('the chosen fields are written, in their order, and no others', async (t) => {
  const fields = ['status', 'route', 'attempts', 'bytesReceived', 'scheme', 'method', 'server']
  assert.equal(
    await logged(t, { format: 'json', fields }),
    '{"status":200,"route":"/shop/*","attempts":1,"bytesReceived":5,"scheme":"http","method":"POST","server":["shop-1"]}',
  )
})

test('without a choice the line has the standard fields, in their order', async (t) => {
  const keys = Object.keys(JSON.parse(await logged(t, 'json')))
  // Those of TLS, of gRPC, of a queue and of traces are missing here.
  const missing = ['grpcStatus', 'queued', 'tlsVersion', 'tlsCipher', 'tlsResumed', 'sni', 'traceId', 'spanId']
  assert.deepEqual(
    keys,
    standardFields.filter((field) => !missing.includes(field)),
  )
})

test('every field can be chosen, and a time is in seconds', async (t) => {
  const line = JSON.parse(await logged(t, { format: 'json', fields: accessLogFields }))
  assert.equal(line.standing, undefined)
  assert.ok(line.firstByte >= 0 && line.firstByte <= line.seconds)
})

test('why a request failed is a field', async (t) => {
  const limpet = await startLimpet(t, config({ format: 'json', fields: ['status', 'failure', 'upstreamStatus'] }))
  await (await fetch(`${limpet.url}/shop/`)).text()
  const [line] = await limpet.log.matching(/./, 1)
  assert.equal(line, '{"status":502,"failure":"connect-failed","upstreamStatus":[502]}')
})

test('an unknown field, a repeated one and none are errors that say what to write', async (t) => {
  const check = async (fields: unknown) =>
    (await runLimpet(['check', '-c', await configFile(t, config({ format: 'json', fields }))])).stderr
  assert.match(
    await check(['time', 'upstreamNames']),
    /accessLog\.fields\[1\]: .*"upstreamNames".*did you mean upstreamName\?/,
  )
  assert.match(await check(['time', 'time']), /accessLog\.fields\[1\]: expected each entry once/)
  assert.match(await check([]), /accessLog\.fields: expected at least one/)
})

test('fields that another format ignores are warned of', async (t) => {
  const { code, stderr } = await runLimpet([
    'check',
    '-c',
    await configFile(t, config({ format: 'combined', fields: ['time'] })),
  ])
  assert.equal(code, 0)
  assert.match(stderr, /warning: accessLog: fields has no effect on the format combined/)
})

test('docs/access-log.md has every field', () => {
  const page = readFileSync(new URL('../../docs/access-log.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field)
  assert.deepEqual(
    rows.filter((field) => !['combined', 'vhost', 'json', 'off'].includes(field!)),
    [...accessLogFields],
  )
})
