/** Balancing policies at work: what they use of a request and of the servers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { until } from '../support/until.ts'

for (const type of ['hash', 'consistent-hash']) {
  test(`${type} sends requests with the same key to the same server, wherever the key comes from`, async (t) => {
    const keys = {
      'header:X-User': (value: string) => `GET / HTTP/1.1\r\nHost: a\r\nX-User: ${value}\r\n\r\n`,
      'cookie:user': (value: string) => `GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; user=${value}\r\n\r\n`,
      'query:user': (value: string) => `GET /?user=${value} HTTP/1.1\r\nHost: a\r\n\r\n`,
      path: (value: string) => `GET /${value} HTTP/1.1\r\nHost: a\r\n\r\n`,
    }
    const servers = [0, 1, 2].map((i) => httpOrigin(t, (_request, response) => response.end(`<${i}>`)))
    const addresses = (await Promise.all(servers)).map(({ address }) => address)
    for (const [key, request] of Object.entries(keys)) {
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        workers: 1
        routes: [{ path: /*, upstream: all }]
        upstreams:
          all:
            balance: { type: ${type}, key: "${key}" }
            servers: [${addresses}]
      `
      const limpet = await sharedLimpet(config)
      const client = await RawClient.connect(t, limpet.port)
      const homes = new Set<string>()
      for (const user of ['ann', 'bob', 'eve', 'joe', 'kim', 'lea', 'max', 'tom']) {
        const seen = new Set<string>()
        for (let i = 0; i < 5; i++) {
          client.say(request(user))
          seen.add((await client.take(/<\d>/)).slice(-3))
        }
        assert.equal(seen.size, 1, `${key} ${user}`)
        homes.add([...seen][0]!)
      }
      assert.ok(homes.size > 1)
      await limpet.log.matching(/ stuck$/, 40)
    }
  })
}

test('least-connections passes over a server that is busy', async (t) => {
  const held: (() => void)[] = []
  const busy = await httpOrigin(t, (_request, response) => held.push(() => response.end('<busy>')))
  const free = await httpOrigin(t, (_request, response) => response.end('<free>'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: all }]
    upstreams: { all: { balance: least-connections, servers: [${busy.address}, ${free.address}] } }
  `
  const limpet = await sharedLimpet(config)
  const waiting = await RawClient.connect(t, limpet.port)
  waiting.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const client = await RawClient.connect(t, limpet.port)
  for (let i = 0; i < 10; i++) {
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.take(/<free>/)
  }
  assert.equal(held.length, 1)
  held[0]!()
  await waiting.hear(/<busy>/)
})

test('a server at its maxConnections is passed over, and the log gives the reason', async (t) => {
  const held: (() => void)[] = []
  const [zero, one] = await Promise.all(
    [0, 1].map((i) =>
      httpOrigin(t, (request, response) => {
        if (request.url === '/hold') held.push(() => response.end(`<${i}>`))
        else response.end(`<${i}>`)
      }),
    ),
  )
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: all }]
    upstreams:
      all:
        balance: ip-hash
        servers:
          - { address: ${zero!.address}, maxConnections: 1 }
          - { address: ${one!.address}, maxConnections: 1 }
  `
  const limpet = await sharedLimpet(config)
  const client = await RawClient.connect(t, limpet.port)
  client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const home = (await client.take(/<\d>/)).slice(-3)
  const holding = await RawClient.connect(t, limpet.port)
  holding.say('GET /hold HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => held.length > 0)
  client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.notEqual((await client.take(/<\d>/)).slice(-3), home)
  await limpet.log.find(/ moved:full$/)
  held[0]!()
  await holding.hear(new RegExp(home))
  client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await client.take(/<\d>/)).slice(-3), home)
})

test('least-time learns to prefer the server that answers sooner', async (t) => {
  const slow = await httpOrigin(t, (_request, response) => setTimeout(() => response.end('<slow>'), 50))
  const fast = await httpOrigin(t, (_request, response) => response.end('<fast>'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: all }]
    upstreams: { all: { balance: least-time, servers: [${slow.address}, ${fast.address}] } }
  `
  const limpet = await sharedLimpet(config)
  const client = await RawClient.connect(t, limpet.port)
  const answers: string[] = []
  for (let i = 0; i < 50; i++) {
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    answers.push((await client.take(/<\w+>/)).slice(-6))
  }
  assert.ok(answers.filter((answer) => answer === '<fast>').length > 40, answers.join())
})
