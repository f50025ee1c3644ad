/** Trouble of Limpet's own process, for which it blames no server. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A server, and a way to wait until it gets a number of further requests. */
async function origin(t: TestContext) {
  let requests = 0
  const listener: RequestListener = (_request, response) => {
    requests++
    response.end('ok')
  }
  const { server, address } = await httpOrigin(t, listener)
  const asked = async (times: number) => {
    const until = requests + times
    while (requests < until) await once(server, 'request')
  }
  return { address, asked }
}

test('a process at its limit of open files says so once, answers the clients that it accepted, and blames no server', async (t) => {
  const [a, b] = [await origin(t), await origin(t)]
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers: [${a.address}, ${b.address}]
        health: { check: { type: http, path: /, interval: 100ms, fall: 1 } }
  `
  const limpet = await startLimpet(t, config, { openFiles: 90 })
  const clients = await Promise.all(Array.from({ length: 120 }, () => RawClient.connect(t, limpet.port)))
  await limpet.errors.find(/limit of 90 .*EMFILE.*ulimit -n/)
  const [first] = clients
  for (let i = 0; i < 10; i++) {
    first!.say(GET)
    assert.match(await first!.take(/ok$|<\/html>\s$/), /^HTTP\/1.1 (200|503) /)
  }
  await Promise.all([a.asked(5), b.asked(5)])
  const complaints = limpet.errors.all.join('\n')
  assert.equal(complaints.match(/EMFILE/g)?.length, 1)
  assert.doesNotMatch(complaints, /suspended|is down/)
})

test('a process that was stopped for a while does not count that time against servers', async (t) => {
  const waiting = createServer()
  const held: (() => void)[] = []
  const slow = await httpOrigin(t, (_request, response) => {
    held.push(() => response.end('ok'))
    waiting.emit('held')
  })
  const other = await httpOrigin(t, (_request, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        balance: round-robin
        servers: [${slow.address}, ${other.address}]
        timeouts: { firstByte: 1s }
        health: { check: { type: http, path: /, interval: 200ms, timeout: 500ms, fall: 1 } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  client.say(GET)
  while (held.length < 2) await once(waiting, 'held')
  limpet.process.kill('SIGSTOP')
  // Nothing but time can show that a deadline has passed.
  const clock = createTcpServer()
  setTimeout(() => clock.emit('later'), 3000)
  await once(clock, 'later')
  for (const answer of held) answer()
  limpet.process.kill('SIGCONT')
  assert.match(await client.take(/ok$|<\/html>\s$/), /^HTTP\/1.1 200 /)
  assert.doesNotMatch(limpet.errors.all.join('\n'), /suspended|is down/)
})
