/** Servers that are given by a host name: a real DNS server says where they are, and says otherwise later. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { adminOf } from '../support/admin.ts'
import { Dnsmasq, withoutDnsmasq } from '../support/dnsmasq.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { RawClient } from '../support/raw-client.ts'
import { authority, authorityFile } from '../support/server-kinds.ts'
import { until } from '../support/until.ts'
import { upgrade } from '../support/upgraded.ts'
import { User } from '../support/user.ts'

/** Servers at several addresses of this machine, all on one port. Each answers with its address and the Host that it sees. */
async function serversAt(test: TestContext, ...addresses: readonly string[]) {
  for (;;) {
    const servers: Server[] = []
    let port = 0
    try {
      for (const address of addresses) {
        const server = createServer(({ headers }, response) => response.end(`${address} ${headers.host}`))
        server.on('upgrade', (_request, socket) => {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
          socket.on('data', (bytes) => socket.write(`${address} ${bytes}`))
        })
        servers.push(server)
        server.listen(port, address)
        await once(server, 'listening')
        port = (server.address() as AddressInfo).port
      }
      const stop = (address: string) => {
        const server = servers[addresses.indexOf(address)]!
        server.close()
        server.closeAllConnections()
      }
      test.after(() => addresses.forEach(stop))
      return { port, stop }
    } catch {
      // Another program has that port at one of the addresses.
      for (const server of servers) server.close()
    }
  }
}

/** @param settings of the upstream, besides its servers */
function configOf(dns: Dnsmasq, servers: readonly string[], settings = {}, ttl = { least: '100ms' } as object) {
  return {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    hostNames: { resolver: [dns.address], ttl },
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { ...settings, servers } },
  }
}

async function bodyOf({ port }: Limpet, user = new User()): Promise<string> {
  const { body } = await user.get(port)
  return body
}

describe('a server that is given by a host name', { skip: withoutDnsmasq }, () => {
  test('is where the DNS says, and its users stay when it moves', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2', '127.0.0.3', '127.0.0.4')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org', '127.0.0.4 other.example.org'])
    const servers = [`app.example.org:${port}`, `other.example.org:${port}`]
    const limpet = await startLimpet(t, configOf(dns, servers, { affinity: 'cookie' }))
    const users = Array.from({ length: 6 }, () => new User())
    const before = []
    for (const user of users) before.push(await bodyOf(limpet, user))
    assert.equal(before.filter((body) => body.startsWith('127.0.0.2')).length, 3)

    await dns.serve(['127.0.0.3 app.example.org', '127.0.0.4 other.example.org'])
    await limpet.errors.find(/generation 2 \(DNS\): host app\.example\.org is at 127\.0\.0\.3 \(was 127\.0\.0\.2\)/)
    const after = []
    for (const user of users) after.push(await bodyOf(limpet, user))
    assert.deepEqual(
      after,
      before.map((body) => body.replace('127.0.0.2', '127.0.0.3')),
    )
  })

  test('lets upgraded connections go on where they began when it moves', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2', '127.0.0.3')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org'])
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`]))
    const client = await RawClient.connect(t, limpet.port)
    client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
    await client.take(/\r\n\r\n$/)
    await dns.serve(['127.0.0.3 app.example.org'])
    await limpet.errors.find(/host app\.example\.org is at 127\.0\.0\.3/)
    assert.match(await bodyOf(limpet), /^127\.0\.0\.3/)
    client.say('still here')
    await client.take(/127\.0\.0\.2 still here$/)
  })

  test('keeps its name in the access log and for operators', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org'])
    const limpet = await startLimpet(t, {
      ...configOf(dns, [`app.example.org:${port}`]),
      accessLog: 'json',
      log: { format: 'text' },
    })
    await new User().get(limpet.port, '/', { Host: 'shop.example' })
    const [line] = await limpet.log.matching(/"GET"/, 1)
    assert.match(line!, new RegExp(`app\\.example\\.org:${port}`))
    const ask = await adminOf(limpet)
    const { body } = await ask('GET', '/v1/upstreams')
    assert.equal(body.upstreams[0].servers[0].address, `app.example.org:${port}`)
  })

  test('that cannot be found is away, holds up nothing else, and comes in the moment it is found', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2', '127.0.0.3')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org'])
    const servers = [`app.example.org:${port}`, `late.example.org:${port}`]
    const limpet = await startLimpet(t, configOf(dns, servers))
    await limpet.errors.find(
      /host late\.example\.org: NXDOMAIN from 127\.0\.0\.1:\d+; its servers are away until it is found/,
    )
    assert.match(await bodyOf(limpet), /^127\.0\.0\.2/)
    assert.match(await bodyOf(limpet), /^127\.0\.0\.2/)
    await dns.serve(['127.0.0.2 app.example.org', '127.0.0.3 late.example.org'])
    await limpet.errors.find(/\(DNS\): host late\.example\.org is found: 127\.0\.0\.3/)
    const bodies = [await bodyOf(limpet), await bodyOf(limpet)]
    assert.ok(
      bodies.some((body) => body.startsWith('127.0.0.3')),
      bodies.join(),
    )
  })

  test('that cannot be found has requests wait for it where there is no other', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2')
    const dns = await Dnsmasq.start(t, [])
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`], { queue: { timeout: '30s' } }))
    const waiting = bodyOf(limpet)
    await dns.serve(['127.0.0.2 app.example.org'])
    assert.match(await waiting, /^127\.0\.0\.2/)
  })

  test('stays where it was while the DNS fails', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org'])
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`]))
    await dns.stop()
    await limpet.errors.find(
      /host app\.example\.org: no answer \(ECONNREFUSED\) from [\d.:]+; it stays at 127\.0\.0\.2 until then/,
    )
    assert.match(await bodyOf(limpet), /^127\.0\.0\.2/)
    await dns.restart()
    await limpet.errors.find(/host app\.example\.org is found again: 127\.0\.0\.2/)
  })

  test('stays where it was when another process takes over while the DNS fails', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org'])
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`]))
    await dns.stop()
    await upgrade(t, limpet)
    assert.match(await bodyOf(limpet), /^127\.0\.0\.2/)
  })

  test('with several addresses is tried at each of them', async (t) => {
    const { port, stop } = await serversAt(t, '127.0.0.2', '127.0.0.3')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org', '127.0.0.3 app.example.org'])
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`]))
    assert.match(await bodyOf(limpet), /^127\.0\.0\.2/)
    stop('127.0.0.2')
    assert.match(await bodyOf(limpet), /^127\.0\.0\.3/)
  })

  test('is looked up at once when it does not answer, whatever its TTL', async (t) => {
    const { port, stop } = await serversAt(t, '127.0.0.2', '127.0.0.3')
    const dns = await Dnsmasq.start(
      t,
      ['127.0.0.2 app.example.org', '127.0.0.1 spare.example.org'],
      ['local-ttl=86400'],
    )
    const servers = [`app.example.org:${port}`, `spare.example.org:${port}`]
    const limpet = await startLimpet(t, configOf(dns, servers, {}, { least: '100ms', most: '1h' }))
    await dns.serve(['127.0.0.3 app.example.org', '127.0.0.1 spare.example.org'])
    stop('127.0.0.2')
    await new User().get(limpet.port)
    await new User().get(limpet.port)
    await limpet.errors.find(/host app\.example\.org is at 127\.0\.0\.3 \(was 127\.0\.0\.2\)/)
  })

  test('is looked up at other DNS servers once the configuration names these', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2', '127.0.0.3')
    const [dns, other] = [
      await Dnsmasq.start(t, ['127.0.0.2 app.example.org'], ['local-ttl=86400']),
      await Dnsmasq.start(t, ['127.0.0.3 app.example.org']),
    ]
    const servers = [`app.example.org:${port}`]
    const limpet = await startLimpet(t, configOf(dns, servers))
    assert.match(await bodyOf(limpet), /^127\.0\.0\.2/)
    await writeFile(limpet.file, JSON.stringify(configOf(other, servers)))
    limpet.process.kill('SIGHUP')
    await limpet.errors.find(/host app\.example\.org is at 127\.0\.0\.3 \(was 127\.0\.0\.2\)/)
    assert.match(await bodyOf(limpet), /^127\.0\.0\.3/)
  })

  test('is asked for by its name with TLS, and its certificate must cover that', async (t) => {
    const certificate = await authority.issue(['app.example.org'])
    const server = createHttpsServer(certificate, ({ socket }, response) =>
      response.end(String((socket as TLSSocket).servername)),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    const { port } = server.address() as AddressInfo
    const dns = await Dnsmasq.start(t, ['127.0.0.1 app.example.org', '127.0.0.1 other.example.org'])
    const tls = { tls: { ca: await authorityFile(t) } }
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`], tls))
    assert.equal(await bodyOf(limpet), 'app.example.org')
    const another = await startLimpet(t, configOf(dns, [`other.example.org:${port}`], tls))
    assert.equal((await new User().get(another.port)).status, 502)
  })

  test('is found when an operator adds it', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2', '127.0.0.3')
    const dns = await Dnsmasq.start(t, ['127.0.0.2 app.example.org', '127.0.0.3 added.example.org'])
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`]))
    const ask = await adminOf(limpet)
    const { status } = await ask('PUT', '/v1/upstreams/app/servers/added', { address: `added.example.org:${port}` })
    assert.equal(status, 201)
    const bodies = [await bodyOf(limpet), await bodyOf(limpet)]
    assert.ok(
      bodies.some((body) => body.startsWith('127.0.0.3')),
      bodies.join(),
    )
  })

  test('is checked where it is, under its name', async (t) => {
    const { port } = await serversAt(t, '127.0.0.2', '127.0.0.3')
    const dns = await Dnsmasq.start(t, ['127.0.0.9 app.example.org'])
    const check = {
      health: {
        check: {
          type: 'http',
          path: '/',
          body: '127.0.0.3 app.example.org:',
          interval: '100ms',
          timeout: '1s',
          rise: 1,
          fall: 1,
          initial: 'down',
        },
      },
    }
    const limpet = await startLimpet(t, configOf(dns, [`app.example.org:${port}`], check))
    await limpet.errors.find(/server app\.example\.org:\d+ is down/)
    await dns.serve(['127.0.0.3 app.example.org'])
    await until(async () => (await new User().get(limpet.port)).status === 200)
  })
})

test('localhost is known without the DNS', async (t) => {
  const { port } = await serversAt(t, '127.0.0.1')
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [`localhost:${port}`] } },
  })
  assert.match(await bodyOf(limpet), /^127\.0\.0\.1/)
  assert.deepEqual(
    limpet.errors.all.filter((line) => line.includes('localhost: ')),
    [],
  )
})
